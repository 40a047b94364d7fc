"""Tasks of sessions: what goes wrong in one is told, and none is lost at the end."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest

from hub.realtime.tasks import Tasks


async def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [ValueError(), TimeoutError(), ConnectionRefusedError()])
async def test_what_goes_wrong_is_logged(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.wait([Tasks().start(fail(error), copy_context())])
    await asyncio.sleep(0)
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]


async def test_one_that_swallows_its_cancellation_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    started = asyncio.Event()

    async def stubborn() -> None:
        try:
            started.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    tasks = Tasks()
    task = tasks.start(stubborn(), copy_context())
    await started.wait()
    async with asyncio.timeout(5):
        tasks.cancel(task)
        await asyncio.wait([task])
        other = tasks.start(stubborn(), copy_context())
        await tasks.aclose()
    assert task.cancelled()
    assert other.cancelled()
    assert not caplog.records
