"""The addresses of a mix answered without a database: the hub's own HTTP server with answers in hand. Started
by `hollow_hub`; reads the answers from its standard input, tells its port, ends when its input does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bench.pipes import Worker, serve, tell
from hub.drive.client import Address
from hub.settings import Settings
from hub.web.protocol import bounded

if TYPE_CHECKING:
    from starlette.requests import Request

_HOST: Final = "127.0.0.1"


class Answers(Struct, frozen=True):
    """What the hub answered, as JSON texts."""

    settings: Settings
    menu: str
    active: str
    order: str


class Listening(Struct, tag="listening", frozen=True):
    port: int


def application(answers: Answers) -> Starlette:
    """Reads bodies, and throws them away."""

    def fixed(text: str, status: int = 200) -> Any:
        content = text.encode()

        async def answer(request: Request) -> Response:
            await request.body()
            return Response(content, status, media_type="application/json")

        return answer

    return Starlette(
        routes=[
            Route("/api/v1/menu", fixed(answers.menu)),
            Route("/api/v1/orders", fixed(answers.active)),
            Route("/api/v1/orders", fixed(answers.order, 201), methods=["POST"]),
            Route("/api/v1/orders/{order_id}", fixed(answers.order)),
            Route("/api/v1/orders/{order_id}/advance", fixed(answers.order), methods=["POST"]),
        ]
    )


async def work(lines: asyncio.StreamReader) -> None:
    """Until the input ends."""
    answers = msgspec.json.decode(await lines.readline(), type=Answers)
    config = uvicorn.Config(
        application(answers),
        host=_HOST,
        port=0,
        loop="none",
        http=bounded(answers.settings),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this flag alone
        await asyncio.sleep(0.01)
    tell(Listening(server.servers[0].sockets[0].getsockname()[1]))
    await lines.read()
    server.should_exit = True
    await serving


@asynccontextmanager
async def hollow_hub(answers: Answers, cores: tuple[int, ...] | None) -> AsyncIterator[tuple[Address, int]]:
    """Where it listens, and the id of its process."""
    worker = await Worker.start("bench.ceiling.hollow", cores)
    try:
        await worker.send(answers)
        told: Listening = await worker.receive(Listening)
        yield Address(_HOST, told.port), worker.pid
    finally:
        await worker.dismiss()


if __name__ == "__main__":
    serve(work)
