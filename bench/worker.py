"""A client process, started by `crew`: reads a plan and runs from its standard input, tells on its standard
output, ends when its input does."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import msgspec
import uvloop

from bench.load import Load
from bench.plan import Finished, Go, Joined, Plan, Progress, Stopped, Told
from hub.errors import HubError

LINE_BYTES = 2**26  # a plan holds the tokens of thousands of devices


def tell(message: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


async def work() -> None:
    """Until the input ends."""
    lines = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    load = Load(msgspec.json.decode(await lines.readline(), type=Plan))
    try:
        await load.join()
        tell(Joined())
        # A collection would stop the clock of everybody on this client; a run makes little garbage in cycles.
        gc.freeze()
        gc.disable()
        while line := await lines.readline():
            go = msgspec.json.decode(line, type=Go)
            tell(Finished(await load.run(go, lambda tally: tell(Progress(tally)))))
            gc.collect()
    except HubError as error:
        tell(Stopped(error.message))
    finally:
        load.leave()


if __name__ == "__main__":
    # Ctrl+C reaches every process of the terminal; the bench itself ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(work())
