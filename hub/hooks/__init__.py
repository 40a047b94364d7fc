"""What goes out of the house: a hotel's own addresses are told of orders that nobody sees or accepts, and its
managers get letters."""
