"""Who is asked whether it is there, and who is given up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from hub.realtime.keepalive import Keepalive


class Asked:
    """A socket whose peer answers each question at once; the answer waits in the kernel until it is read."""

    def __init__(self) -> None:
        self.silent = self.gone = self.given_up = False
        self.asked = asyncio.Event()
        self.mine, self.peer = socket.socketpair()
        asyncio.get_running_loop().add_reader(self.mine, self._read)

    def _read(self) -> None:
        self.silent = not self.mine.recv(16)

    def ask(self) -> None:
        self.silent = True
        self.asked.set()

    def give_up(self) -> None:
        self.given_up = self.gone = True
        self.asked.set()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.mine)
        self.mine.close()
        self.peer.close()


async def test_an_answer_that_came_while_the_process_stood_still_counts() -> None:
    asked = Asked()
    keepalive = Keepalive(0.2, 0.1)
    keepalive.watch(asked)
    task = asyncio.create_task(keepalive.run())
    try:
        async with asyncio.timeout(5):
            for _ in range(3):
                await asked.asked.wait()
                assert not asked.given_up
                asked.peer.send(b"pong")
                time.sleep(0.3)  # noqa: ASYNC251 - nothing here runs meanwhile, as if the machine had paused
                asked.asked.clear()
            asked.asked.clear()
            await asked.asked.wait()
        assert not asked.given_up
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        asked.close()


async def test_who_does_not_answer_is_given_up() -> None:
    asked = Asked()
    keepalive = Keepalive(0.2, 0.1)
    keepalive.watch(asked)
    task = asyncio.create_task(keepalive.run())
    try:
        async with asyncio.timeout(5):
            await asked.asked.wait()
            asked.asked.clear()
            await asked.asked.wait()
        assert asked.given_up
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        asked.close()
