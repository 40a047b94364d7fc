"""The bench against a hub that it has not started, and against one that loses and repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.hotels import Line, furnish, write_tokens
from hub.drive.messages import SUBPROTOCOL
from tests.bench.conftest import bench, result

if TYPE_CHECKING:
    from hub.drive.client import Address
    from hub.settings import Settings

QUICK = ("--rate", "40", "--seconds", "2", "--warmup", "0", "--drain", "1")


@pytest.fixture
async def token_file(settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    write_tokens(path, await furnish(settings, hotels=2, rooms=2, token_seconds=900))
    return path


async def test_a_hub_that_runs_already(address: Address, token_file: Path, tmp_path: Path) -> None:
    url = f"http://{address.host}:{address.port}"
    path = tmp_path / "result.json"
    for _ in range(2):  # the second time its kitchens begin with tickets of the first
        code, output = await bench(
            *("orders", "--url", url, "--token-file", str(token_file), *QUICK), *("--json", str(path))
        )
        assert code == 0, output
        (run,) = result(path)["runs"]
        assert run["latency_ms"]["place"]["count"] == run["orders_due"] > 40
        assert run["servers"] == {}


async def test_tokens_of_another_hub(address: Address, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    write_tokens(path, [Line("tablet", "nonsense"), Line("kitchen", "nonsense")])
    url = f"http://{address.host}:{address.port}"
    code, output = await bench("orders", "--url", url, "--token-file", str(path), *QUICK)
    assert code == 2
    assert output.endswith("cannot join: closed with 4500 (bad token)\n")


async def test_nobody_there(token_file: Path, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    code, output = await bench("orders", "--url", url, "--token-file", str(token_file), *QUICK)
    assert code == 2
    assert "cannot join: " in output


Spoil = Callable[[dict[str, Any], list[str]], list[str]]


def lose(frame: dict[str, Any], texts: list[str]) -> list[str]:
    return [] if frame["data"]["order_number"] % 5 == 0 else texts


def repeat(frame: dict[str, Any], texts: list[str]) -> list[str]:
    return texts * 2 if frame["data"]["order_number"] % 5 == 0 else texts


@asynccontextmanager
async def spoiled(address: Address, spoil: Spoil) -> AsyncIterator[str]:
    """The URL of a proxy that hands the events of new orders to `spoil`."""

    async def relay(client: ServerConnection) -> None:
        url = f"ws://{address.host}:{address.port}{address.path}"
        async with connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None) as hub:

            async def up() -> None:
                async for text in client:
                    await hub.send(text)

            async def down() -> None:
                async for text in hub:
                    frame = msgspec.json.decode(text)
                    fresh = frame["type"] == "event" and frame["kind"] == "order"
                    for one in spoil(frame, [str(text)]) if fresh else [str(text)]:
                        await client.send(one)

            tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert ended is None or isinstance(ended, ConnectionClosed | asyncio.CancelledError)

    async with serve(
        relay, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None
    ) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"ws://{host}:{port}"


@pytest.mark.parametrize(("spoil", "fault"), [(lose, "missing"), (repeat, "repeated")])
async def test_a_fault_is_exit_code_3(
    address: Address, token_file: Path, tmp_path: Path, spoil: Spoil, fault: str
) -> None:
    path = tmp_path / "result.json"
    async with spoiled(address, spoil) as url:
        code, output = await bench(
            *("orders", "--url", url, "--token-file", str(token_file), *QUICK, "--no-seen"),
            *("--bumps", "0", "--json", str(path)),
        )
    assert code == 3, output
    (run,) = result(path)["runs"]
    assert set(run["faults"]) == {fault}
    assert f"{run['faults'][fault]} {fault}, such as: " in output
