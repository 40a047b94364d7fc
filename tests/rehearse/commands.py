"""`hub rehearse` in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub.demo.screen import Screen, post

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    import pytest

    from hub.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 100.0
_ADDRESS = re.compile(r"http://(?P<host>[\w.]+):(?P<port>\d+)/kitchen#claim=(?P<code>\S+)")


def environ(settings: Settings) -> dict[str, str]:
    key = settings.master_keys[0]
    return {
        **os.environ,
        "HUB_DATABASE_URL": settings.database_url,
        "HUB_REDIS_URL": settings.redis_url or "",
        "HUB_NAMESPACE": settings.namespace,
        "HUB_MASTER_KEYS": f"{key.kid}:{base64.b64encode(key.secret).decode()}",
    }


def use(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a command in this process."""
    for name, value in environ(settings).items():
        if name.startswith("HUB_"):
            monkeypatch.setenv(name, value)


@asynccontextmanager
async def rehearse(settings: Settings, *arguments: str) -> AsyncIterator[Process]:
    """The command; killed when it has not ended by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub", "rehearse", *arguments),
        cwd=ROOT,
        env=environ(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def printed(process: Process) -> tuple[str, int, str]:
    """Host, port and code of the first kitchen screen, as the command prints them."""
    assert process.stdout is not None
    words = ""
    while not (found := _ADDRESS.search(words)):
        line = await process.stdout.readline()
        assert line, words
        words += line.decode()
    return found["host"], int(found["port"]), found["code"]


@asynccontextmanager
async def house(process: Process) -> AsyncIterator[Screen]:
    """A kitchen screen at the address that the command prints; it paints what comes."""
    host, port, code = await printed(process)
    claimed = await post(host, port, "/api/v1/devices/claim", {"code": code})
    async with Screen(host, port, claimed["token"]) as screen:

        async def paint() -> None:
            while True:
                await until(screen, lambda: bool(unseen(screen)))
                await screen.command("order.seen", order_ids=unseen(screen))

        painting = asyncio.create_task(paint())
        try:
            yield screen
        finally:
            painting.cancel()
            await asyncio.wait([painting], timeout=SECONDS)


async def until(screen: Screen, condition: Callable[[], bool]) -> None:
    """As the screen waits, again and again: on a busy machine nothing may come for long."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            with contextlib.suppress(TimeoutError):
                await screen.wait(condition)


def unseen(screen: Screen) -> list[str]:
    orders = screen.documents.get("order", {}).values()
    return [order["id"] for order in orders if order["shown_at"] is None and order["status"] != "cancelled"]


async def said(process: Process) -> tuple[int, str]:
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, " ".join(output.decode().split())
