"""`hub rehearse`: a dinner rush, recorded or made up, played into a sandbox on the real screens."""
