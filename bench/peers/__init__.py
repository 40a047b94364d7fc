"""The hub beside other servers of its kind: the same work, in one run, in turns. See `command`."""
