"""The process beside the demo's hub: started with a plan, ended with the demo, however that ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

_LEAVE_SECONDS: Final = 5.0


class Plan(Struct, frozen=True):
    """Where the hub is, the codes of the guests' tablets by room and of the crew's screen, how many times
    faster than people everybody is, and what to throw the dice with."""

    host: str
    port: int
    tablets: dict[str, str]
    kitchen: str
    speed: float
    seed: int


@contextlib.contextmanager
def playing(plan: Plan) -> Iterator[None]:
    """The process, inside the block. It ends when its standard input does."""
    process = subprocess.Popen([sys.executable, "-m", "hub.demo.busy"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        process.stdin.flush()
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):  # it has ended by itself
            process.stdin.close()
        try:
            process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
