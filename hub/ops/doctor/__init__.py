"""`hub doctor`: is everything that the hub stands on as it must be, and if not, what to do."""
