"""Connections that come at once are taken at once: who comes after thousands does not wait for each."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import uvicorn

from hub.serve import _Server
from tests.realtime.screens import DEADLINE

CONNECTIONS = 64


async def test_a_turn_of_the_loop_takes_several_connections() -> None:
    server = _Server(uvicorn.Config(lambda *_: None, lifespan="off", log_config=None), DEADLINE)
    server.config.load()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS))
        address = listener.getsockname()
        await server.startup([listener])
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        turns = 0
        while len(server.server_state.connections) < CONNECTIONS:
            await asyncio.sleep(0)
            turns += 1
            assert turns <= CONNECTIONS // 4
        for one in server.servers:
            one.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
