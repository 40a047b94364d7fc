"""Redis and Valkey in the three forms they are run in: one server, a Sentinel set, a Cluster."""
