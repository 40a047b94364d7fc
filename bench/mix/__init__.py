"""The daily work of a hub: reads and writes in an open loop, over HTTP and over sockets, and its ceilings."""
