"""A plugin of pytest: no test holds up a run for ever.

pytest-timeout gives a test its deadline and takes it away with the first failure, so that what cleans up
after a failed test has none. Here the process of a test that still does not end says where it stands and
goes; a run of several processes counts that test as failed and goes on in another process."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from typing import Protocol

import pytest

# Seconds. What cleans up is given them, and so is a test that its own deadline did not end.
GRACE = 60.0


class _Settings(Protocol):
    timeout: float


class Deadlines:
    """Ends the process of a test that outlives its own deadline by `grace` seconds, or whose cleaning up
    takes longer than that."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        # While a test runs, pytest has put a file in the place of standard error.
        self._stderr = os.dup(2)

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, settings: _Settings) -> None:
        self._end_after(settings.timeout + self._grace)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        self._end_after(self._grace)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def pytest_unconfigure(self) -> None:
        os.close(self._stderr)

    def _end_after(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._stderr)
