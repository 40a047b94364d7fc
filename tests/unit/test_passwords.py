import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import bcrypt
import psutil
import pytest

from hub.errors import InvalidInput, RateLimited, Unavailable
from hub.security import passwords as module
from hub.security.passwords import Passwords, check_new

WORKER = Path(module.__file__).with_name("hashing.py")
STORED = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
# What is started in the background of a shell ignores SIGINT, and what it starts too.
PARENT = """
import asyncio, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from hub.security.passwords import Passwords
async def main():
    passwords = Passwords(processes=2, waiting=9, rounds=4)
    await asyncio.gather(*(passwords.hash("correct horse") for _ in range(2)))
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    one = Passwords(processes=1, waiting=20, rounds=4)
    yield one
    await one.aclose()


def workers(parent: int | None = None) -> list[psutil.Process]:
    children = psutil.Process(parent).children()
    return [child for child in children if str(WORKER) in child.cmdline()]


def group_yields(pid: int) -> bool:
    """Whether the kernel gives the process' session its smallest share, or knows no such groups."""
    group = Path(f"/proc/{pid}/autogroup")
    return not group.exists() or group.read_text().endswith("nice 19\n")


async def test_a_password_matches_only_its_own_hash(passwords: Passwords) -> None:
    started = time.monotonic()
    stored = await passwords.hash("correct horse")
    assert time.monotonic() - started < 5  # a whole hub would take longer to import on a busy machine
    assert stored != await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("correct hors", stored)
    assert not await passwords.verify("", stored)


async def test_two_spellings_of_an_accent_are_one_password(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 au lait")
    assert await passwords.verify("cafe\u0301 au lait", stored)


async def test_all_72_bytes_count_and_a_zero_byte_ends_nothing(passwords: Passwords) -> None:
    stored = await passwords.hash("\0" + "x" * 71)
    assert await passwords.verify("\0" + "x" * 71, stored)
    assert not await passwords.verify("\0" + "x" * 70 + "y", stored)


@pytest.mark.parametrize("password", ["x" * 73, "あ" * 25, "\ud800" + "x" * 12])
async def test_what_bcrypt_would_cut_is_never_hashed_and_never_right(
    passwords: Passwords, password: str
) -> None:
    with pytest.raises(InvalidInput):
        await passwords.hash(password)
    cut = bcrypt.hashpw(password.encode("utf-8", "replace")[:72], bcrypt.gensalt(4)).decode()
    assert not await passwords.verify(password, cut)


@pytest.mark.parametrize("stored", ["", "plain", "$2b$04$" + "." * 52, "$2b$99$" + "." * 53, "$2b$04$ 00\n"])
async def test_a_stored_text_that_is_no_hash_matches_nothing(passwords: Passwords, stored: str) -> None:
    assert not await passwords.verify("correct horse", stored)
    assert await passwords.verify("correct horse", STORED)


async def test_an_unknown_account_costs_as_much_as_a_known_one() -> None:
    async with aclosing(Passwords(processes=1, waiting=9, rounds=10)) as passwords:
        known = await passwords.hash("correct horse")
        (worker,) = workers()

        async def work(password: str, stored: str | None) -> float:
            """In seconds of a processor; those of a clock are longer where others use it too."""
            before = sum(worker.cpu_times()[:2])
            for _ in range(2):
                assert not await passwords.verify(password, stored)
            return sum(worker.cpu_times()[:2]) - before

        wrong = await work("wrong horse", known)
        assert wrong > 0
        for other, stored in (("wrong horse", None), ("x" * 100, known), ("\ud800", known), ("x", "broken")):
            assert await work(other, stored) > wrong / 2


async def test_an_older_cost_still_verifies_and_asks_for_a_new_hash(passwords: Passwords) -> None:
    old = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(5)).decode()
    assert await passwords.verify("correct horse", old)
    assert passwords.needs_rehash(old)
    assert not passwords.needs_rehash(await passwords.hash("correct horse"))


async def test_whoever_comes_when_the_line_is_full_is_sent_away_at_once() -> None:
    async with aclosing(Passwords(processes=2, waiting=3, rounds=4)) as passwords:
        calls = (passwords.verify("correct horse", STORED) for _ in range(9))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert answers[:5] == [True] * 5
        assert all(isinstance(one, RateLimited) for one in answers[5:])
        assert len(workers()) == 2
        assert await passwords.verify("correct horse", STORED)


async def test_whoever_leaves_the_line_makes_room(passwords: Passwords) -> None:
    calls = [asyncio.create_task(passwords.verify("correct horse", STORED)) for _ in range(21)]
    await asyncio.sleep(0)
    for call in calls[1:]:
        call.cancel()
    assert await calls[0]
    assert all(await asyncio.gather(*(passwords.verify("correct horse", STORED) for _ in range(20))))


async def test_a_killed_process_breaks_no_call(passwords: Passwords) -> None:
    assert await passwords.verify("correct horse", STORED)
    (first,) = workers()
    first.suspend()  # so that it dies with the question unanswered
    call = asyncio.create_task(passwords.verify("correct horse", STORED))
    await asyncio.sleep(0)
    first.kill()
    assert await call
    (second,) = workers()
    second.kill()
    assert await passwords.verify("correct horse", STORED)


async def test_a_process_that_dies_again_and_again_is_told(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "hashing.py"
    broken.write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_WORKER", broken)
        with pytest.raises(Unavailable):
            await passwords.verify("correct horse", STORED)
    assert await passwords.verify("correct horse", STORED)


async def test_a_process_that_hangs_is_replaced(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await passwords.verify("correct horse", STORED)
    (worker,) = workers()
    worker.suspend()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_DEADLINE_SECONDS", 0.05)
        with pytest.raises(Unavailable):
            await passwords.verify("correct horse", STORED)
    assert await passwords.verify("correct horse", STORED)


async def test_the_process_stays_out_of_the_way(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_API_PASSWORD", "open sesame")
    assert await passwords.verify("correct horse", STORED)
    (worker,) = workers()
    if sys.platform == "linux":
        idle = os.sched_getscheduler(worker.pid) == os.SCHED_IDLE
    else:
        idle = False
    assert idle or worker.nice() == 19
    async with asyncio.timeout(10):
        # Each call tries again: the kernel allows few such changes a second.
        while not group_yields(worker.pid):
            assert await passwords.verify("correct horse", STORED)
    assert os.getsid(worker.pid) == worker.pid  # so Ctrl+C in a terminal does not reach it
    assert not any(name.startswith("HUB_") for name in worker.environ())


def test_the_process_imports_nothing_of_the_hub() -> None:
    code = f"import runpy, sys; runpy.run_path({str(WORKER)!r}); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert "bcrypt" in loaded
    assert not loaded & {"hub", "asyncio", "msgspec", "starlette", "multiprocessing"}


async def test_at_the_end_nobody_is_left_waiting() -> None:
    passwords = Passwords(processes=1, waiting=9, rounds=4)
    assert await passwords.verify("correct horse", STORED)
    (worker,) = workers()
    calls = [asyncio.create_task(passwords.verify("correct horse", STORED)) for _ in range(3)]
    await asyncio.sleep(0)
    await passwords.aclose()
    assert all(isinstance(one, Unavailable) for one in await asyncio.gather(*calls, return_exceptions=True))
    assert not worker.is_running()
    with pytest.raises(Unavailable):
        await passwords.verify("correct horse", STORED)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_processes_end_with_the_hub_however_it_ends(number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    children = workers(parent.pid)
    assert len(children) == 2
    parent.send_signal(number)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    _, errors = parent.communicate(timeout=10)
    assert "hashing.py" not in errors


def test_a_good_password_comes_back_in_the_form_that_is_hashed() -> None:
    assert check_new("cafe\u0301 au lait", email="a@b.example", name="A") == "caf\u00e9 au lait"
    assert check_new("花子さんの朝ごはんは鮭", email="a@b.example", name="A")
    assert check_new("x" * 71 + "y", email="a@b.example", name="A")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 10"),
        ("ninechars", "at least 10"),
        ("e\u0301" * 9, "at least 10"),
        ("x" * 72 + "y", "at most 72"),
        ("花" * 24 + "é", "at most 72"),
        ("\ud800 and ten more", "at most 72"),
        ("aaaaaaaaaaaa", "again and again"),
        ("aAaAaAaAaAaA", "again and again"),
        ("Hanako.Sato@Hotel.example", "name or the e-mail"),
        ("hanako.sato", "name or the e-mail"),
        ("HANAKO SATO", "name or the e-mail"),
        ("Password123", "most common"),
        ("1234567890", "most common"),
        ("qwertyuiop", "most common"),
    ],
)
def test_a_password_that_is_too_easy_or_too_long_is_refused(password: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        check_new(password, email="hanako.sato@hotel.example", name="Hanako Sato")
    assert caught.value.field == "password"


def test_the_list_of_common_passwords_holds_only_what_the_length_lets_pass() -> None:
    assert all(len(one) >= 10 and one == one.casefold() for one in module._COMMON)
