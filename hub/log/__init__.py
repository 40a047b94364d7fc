"""The log of each hotel: events in commit order, positions on it, and the state it adds up to."""
