"""The menu as guests see it, and the 86 switch."""
