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
SECONDS = 90.0


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
    said = b""
    try:
        async with asyncio.timeout(SECONDS):
            assert process.stdout is not None
            while words := await process.stdout.read(65_536):
                said += words
            code = await process.wait()
    except TimeoutError:
        raise AssertionError(f"it goes on after {SECONDS:.0f} s; so far it says:\n{said.decode()}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code, said.decode()


def result(path: Path) -> dict[str, Any]:
    """What `--json` wrote."""
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return found
