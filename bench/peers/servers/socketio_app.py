"""python-socketio with AsyncRedisManager, as an ASGI application for uvicorn; a room for each hotel.

It is not installed where the types are checked.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs

import socketio  # type: ignore[import-not-found]

manager = socketio.AsyncRedisManager(os.environ["REDIS_URL"], redis_options={"socket_timeout": 60})
server = socketio.AsyncServer(async_mode="asgi", client_manager=manager, transports=["websocket"])


async def connect(sid: str, environ: dict[str, str]) -> None:
    (room,) = parse_qs(environ["QUERY_STRING"])["room"]
    await server.enter_room(sid, room)


server.on("connect", connect)
application = socketio.ASGIApp(server)
