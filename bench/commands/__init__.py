"""The command lines of the bench, one file for each command; what it needs is imported when it runs."""
