"""`hub demo --busy`: simulated guests order, simulated cooks and runners work, in a process of its own."""
