"""`hub demo`: a hotel of twenty rooms and one kitchen, to be looked at and to be checked."""
