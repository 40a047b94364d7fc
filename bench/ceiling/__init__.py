"""What could be reached at best: the hub's own SQL without the hub, and its addresses without a database."""
