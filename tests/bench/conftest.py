"""A hub over loopback, and the bench as a user starts it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.drive.client import Address
from hub.serve import serving
from hub.web.listener import bind

if TYPE_CHECKING:
    from hub.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
async def address(settings: Settings) -> AsyncIterator[Address]:
    """Where the hub of this module's database listens."""
    listener = bind(settings)
    async with serving(settings, listener):
        yield Address(*listener.getsockname()[:2])


async def bench(*arguments: str) -> tuple[int, str]:
    """Exit code and everything that `python -m bench` with these arguments says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", *arguments),
        cwd=ROOT,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(90):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode()


def result(path: Path) -> dict[str, Any]:
    """What `--json` wrote."""
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return found
