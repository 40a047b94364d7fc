"""A plugin of pytest: says at the end how many tests the marker expression left out, by marker."""

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

MARKERS = ("browser", "slow", "debian", "mount", "faults")
_left_out: Counter[str] = Counter()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        _left_out[next((name for name in MARKERS if item.get_closest_marker(name)), "other")] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Several processes each choose from all tests, and only the one that started them has a terminal.
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = dict(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each process says the same, but one that died says nothing."""
    global _left_out
    if told := getattr(node, "workeroutput", {}).get("left_out"):
        _left_out = Counter(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _left_out:
        counts = ", ".join(f"{count} {name}" for name, count in _left_out.most_common())
        terminalreporter.write_line(f"left out: {counts}")
    if find_spec("playwright") is None:
        terminalreporter.write_line("left out: browser, because playwright is not installed")
