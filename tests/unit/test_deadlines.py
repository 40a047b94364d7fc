"""A run of tests ends, whatever one of them does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = """
import uvloop
from tests.deadlines import Deadlines

def pytest_configure(config):
    config.addinivalue_line("markers", "timeout")
    config.pluginmanager.register(Deadlines(grace=0.5))

def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}
"""

HANGS = """
import threading
import pytest

@pytest.fixture
def never_cleaned_up():
    yield
    threading.Event().wait()

def test_fails(never_cleaned_up):
    assert False

def test_after_it():
    pass
"""

BLOCKS = """
import threading
import pytest

@pytest.mark.timeout(0.5)
def test_blocks():
    threading.Event().wait()

def test_after_it():
    pass
"""

GOES_ON = """
import asyncio
import pytest

@pytest.mark.timeout(0.5)
async def test_goes_on():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

def test_after_it():
    pass
"""

WAITS = """
import asyncio
import pytest

cleaned_up = False

@pytest.mark.timeout(0.5)
async def test_waits():
    global cleaned_up
    try:
        await asyncio.Event().wait()
    finally:
        cleaned_up = True

async def test_after_it():
    assert cleaned_up
"""


@pytest.mark.parametrize(
    ("source", "culprit"),
    [
        pytest.param(HANGS, "test_fails", id="cleaning up after a failure"),
        pytest.param(BLOCKS, "test_blocks", id="a test that blocks"),
        pytest.param(GOES_ON, "test_goes_on", id="a test that goes on"),
    ],
)
def test_a_test_that_does_not_end_is_ended_and_the_others_go_on(
    tmp_path: Path, source: str, culprit: str
) -> None:
    ran = run(tmp_path, source)
    assert ran.returncode == 1
    assert re.search(rf"crashed while running '[^']*{culprit}'", ran.stdout)
    assert re.search(r"PASSED.*test_after_it", ran.stdout)
    assert 'test_it.py", line' in ran.stderr, "it says where it stood"


def test_a_test_that_waits_is_cancelled_at_its_deadline(tmp_path: Path) -> None:
    ran = run(tmp_path, WAITS)
    assert ran.returncode == 1
    assert re.search(r"FAILED.*test_waits - TimeoutError", ran.stdout)
    assert "await asyncio.Event().wait()" in ran.stdout, "it says where it stood"
    assert re.search(r"PASSED.*test_after_it", ran.stdout)


def run(tmp_path: Path, source: str) -> subprocess.CompletedProcess[str]:
    """The tests of `source` in a pytest of their own, on the loop of the hub."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", str(tmp_path), "-v", "-n", "1", "-o", "asyncio_mode=auto"]
    for plugin in ("cacheprovider", "valkey", "schemathesis", "hypothesispytest"):
        command += ["-p", f"no:{plugin}"]
    return subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
