"""Ports for servers that tests start and stop."""

from __future__ import annotations

import random
import socket
from typing import Final

# Below those that Linux gives to connections: nobody takes one by chance while its server is down.
_PORTS: Final = range(10_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on. No two calls of one process give the same."""
    while True:
        port = random.choice(_PORTS)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
