"""Hotels as the platform and their managers see them, and the files they keep."""
