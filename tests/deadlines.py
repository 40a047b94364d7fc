"""A plugin of pytest: no test holds up a run for ever.

A signal, as pytest-timeout sends it, does not reach a test that waits on uvloop. Here a test that waits is
cancelled at its deadline, so that it fails where it stands and cleans up. What goes on in spite of that, or
cannot be cancelled, or does not end while it cleans up, ends its process, which says where every thread is; a
run of several processes counts that test as failed and goes on in another process."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import gc
import inspect
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

# Seconds for a test, and for what it needs. A test may have its own, by the marker `timeout`.
LIMIT: Final = 120.0
# Seconds for what comes after a test, and for the end of one that was cancelled.
GRACE: Final = 60.0
_TELLING: Final = 1.0


class Deadlines:
    """Holds tests to their deadlines, and what cleans up after them to `grace` seconds."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        # While a test runs, pytest has put a file in the place of standard error.
        self._stderr = os.dup(2)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        with _ending(_limit(item) + self._grace, self._stderr):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        limit = _limit(item)
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _within(limit, item.obj)
        with _ending(limit + self._grace, self._stderr):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        with _ending(self._grace, self._stderr):
            return (yield)

    def pytest_unconfigure(self) -> None:
        os.close(self._stderr)


@contextmanager
def _ending(seconds: float, stderr: int) -> Iterator[None]:
    """The process ends when the block takes longer than that, and says where its threads and tasks are."""
    waiting = threading.Timer(seconds, _tell_tasks, (stderr,))
    waiting.daemon = True
    waiting.start()
    faulthandler.dump_traceback_later(seconds + _TELLING, exit=True, file=stderr)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        waiting.cancel()


def _tell_tasks(stderr: int) -> None:
    """What waits on a loop stands in no thread."""
    with open(stderr, "w", encoding="utf-8", closefd=False) as file:
        for task in [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]:
            print(repr(task), file=file)
            waits: Any = task.get_coro()
            while waits is not None:
                # a coroutine, an asynchronous generator, or what an older library awaits
                kind = next((kind for kind in ("cr", "ag", "gi") if hasattr(waits, f"{kind}_frame")), None)
                if kind is None:
                    break
                if frame := getattr(waits, f"{kind}_frame"):
                    print(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}', file=file)
                waits = getattr(waits, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


def _limit(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return LIMIT if marker is None else float(marker.args[0])


def _within(limit: float, test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    @functools.wraps(test)
    async def within(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(limit):
            await test(*args, **kwargs)

    return within
