"""A run of tests ends, whatever one of them does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = """
from tests.deadlines import Deadlines

def pytest_configure(config):
    config.pluginmanager.register(Deadlines(grace=0.5))
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

HEARS_NOTHING = """
import signal
import threading
import pytest

@pytest.mark.timeout(0.5)
def test_hears_nothing():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    threading.Event().wait()

def test_after_it():
    pass
"""


@pytest.mark.parametrize(
    ("source", "culprit"),
    [
        pytest.param(HANGS, "test_fails", id="cleaning up after a failure"),
        pytest.param(HEARS_NOTHING, "test_hears_nothing", id="a test that hears no signal"),
    ],
)
def test_a_test_that_does_not_end_is_ended_and_the_others_go_on(
    tmp_path: Path, source: str, culprit: str
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", str(tmp_path), "-v", "-n", "1"]
    for plugin in ("cacheprovider", "valkey", "schemathesis", "hypothesispytest"):
        command += ["-p", f"no:{plugin}"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert re.search(rf"crashed while running '[^']*{culprit}'", ran.stdout)
    assert re.search(r"PASSED.*test_after_it", ran.stdout)
    # Where it stood.
    assert 'test_it.py", line' in ran.stderr
