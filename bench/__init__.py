"""Benchmarks of the hub, to be run by those who want to know what it holds: `python3 -m bench --help`."""
