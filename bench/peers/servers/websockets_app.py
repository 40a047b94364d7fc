"""The websockets library with `broadcast()` and redis-py: one channel for each room, subscribed to before
the handshake is answered."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus

import redis.asyncio
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

_PREFIX = "/rooms/"
rooms: dict[str, set[ServerConnection]] = {}


async def main(port: int, redis_path: str) -> None:
    client = redis.asyncio.Redis(unix_socket_path=redis_path, protocol=2, socket_timeout=60)
    subscription = client.pubsub()
    await subscription.subscribe("control")
    confirmed: dict[str, asyncio.Future[None]] = {}

    async def listen() -> None:
        async for message in subscription.listen():
            channel = message["channel"].decode()
            if message["type"] == "message":
                broadcast(rooms.get(channel, ()), message["data"].decode())
            elif message["type"] == "subscribe" and channel in confirmed:
                confirmed[channel].set_result(None)

    async def subscribed(connection: ServerConnection, request: Request) -> Response | None:
        if not request.path.startswith(_PREFIX):
            return connection.respond(HTTPStatus.NOT_FOUND, "no such room\n")
        channel = f"room:{request.path.removeprefix(_PREFIX)}"
        if channel not in confirmed:
            confirmed[channel] = asyncio.get_running_loop().create_future()
            rooms[channel] = set()
            await subscription.subscribe(channel)
        await confirmed[channel]
        return None

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        members = rooms[f"room:{connection.request.path.removeprefix(_PREFIX)}"]
        members.add(connection)
        try:
            await connection.wait_closed()
        finally:
            members.discard(connection)

    listening = asyncio.create_task(listen())
    async with serve(
        handle, "127.0.0.1", port, process_request=subscribed, compression=None, backlog=4096
    ) as server:
        await asyncio.wait([listening, asyncio.ensure_future(server.wait_closed())])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
