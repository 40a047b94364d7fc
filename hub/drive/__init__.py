"""Plays the screens of a hotel against a hub that runs: what the load tests and the rehearsal are made of.

It stands inside the hub because `hub rehearse` comes with every installation and `bench` does not. It imports
nothing of the hub but its errors: it must see what any other client would.
"""
