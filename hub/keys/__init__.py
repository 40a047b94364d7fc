"""`hub keys`: lists the keys, makes new ones, brings what is sealed to the newest."""
