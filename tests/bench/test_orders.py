"""`bench orders` on servers of its own, from the start to the exit code."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.bench.conftest import ROOT, bench, result

SMALL = ("--hotels", "2", "--rooms", "2", "--seconds", "2", "--warmup", "0.5")


def is_there(path: str) -> bool:
    return Path(path).exists()


async def test_a_small_rate_is_good(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    code, output = await bench(
        *("orders", "--rate", "60", *SMALL, "--bumps", "1.5", "--clients", "2"),
        *("--max-p99-ms", "place=20000,frame=20000,screen=20000", "--json", str(path)),
    )
    assert code == 0, output
    assert "every confirmed order was on its kitchen's screen, once and in order" in output
    found = result(path)
    (run,) = found["runs"]
    assert (run["errors"], run["faults"], found["broken"], found["exit_code"]) == ({}, {}, [], 0)
    assert run["orders_due"] > 60
    counts = {name: latency["count"] for name, latency in run["latency_ms"].items()}
    assert counts["place"] == counts["frame"] == counts["screen"] == run["orders_due"]
    assert counts["bump"] > 0
    for latency in run["latency_ms"].values():
        assert 0 < latency["percentiles"]["p50"] <= latency["max"]
        assert sum(count for _, count in latency["histogram"]) == latency["count"]
    assert run["commands_a_second"] > run["orders_a_second"]
    assert set(run["servers"]) == {"hub", "PostgreSQL", "Redis"}
    assert all(server["cpu_ms_per_order"] > 0 for server in run["servers"].values())
    assert run["servers"]["hub"]["memory_mib"] > 10
    assert run["others_cores"] >= 0
    assert found["machine"]["fsync_ms"] > 0
    assert found["command"].startswith("python3 -m bench orders --rate 60 ")
    assert "PostgreSQL" in found["servers"][0]


@pytest.mark.slow
async def test_a_broken_threshold_is_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    code, output = await bench(
        *("orders", "--rate", "60", *SMALL, "--arrivals", "even", "--bumps", "0", "--no-seen"),
        *("--max-p99-ms", "place=0.01", "--json", str(path)),
    )
    assert code == 1, output
    assert "60/s: p99 of place is " in output
    found = result(path)
    assert found["broken"][0].endswith("allowed are 0.01")
    assert found["runs"][0]["orders_due"] == 120
    assert found["runs"][0]["latency_ms"]["bump"]["count"] == 0


async def test_ctrl_c_leaves_nothing_behind() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "orders", "--rate", "20", "--seconds", "60", "--hotels", "2"),
        cwd=ROOT,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            said = (await process.stdout.readuntil(b" devices;")).decode()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the bench
            rest, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 130
    assert "bench: stopped\n" in rest.decode()
    assert "Traceback" not in rest.decode()
    home = re.search(r" on (/\S+?)/pg\d+/", said)
    assert home is not None
    assert not is_there(home[1])
