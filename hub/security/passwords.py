"""Passwords: bcrypt in worker processes, and what a new one must be like.

A check takes a quarter of a second of a core on purpose. It runs in processes of its own, one after the other
and only on time that nobody else wants, so that fifty sign-ins at once do not hold up an order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from hub.errors import InvalidInput, RateLimited, Unavailable

_WORKER: Final = Path(__file__).with_name("hashing.py")
_HASH: Final = re.compile(r"\A\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}\Z")
_SHORTEST: Final = 10
_LONGEST_BYTES: Final = 72  # bcrypt reads no more of them
# Far more than a hash takes; only a machine that is busy with other things for all that time comes so far.
_DEADLINE_SECONDS: Final = 60.0
# Of those with ten characters or more, what people and guessing programs try first.
_TRIED_FIRST: Final = """
    0123456789 0987654321 1029384756 1111122222 1122334455 123123123123 123456123456 1234567890 1234567891
    12345678910 123456789a 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc 9876543210 987654321a
    abc123456789 abcd123456 abcdefghij admin12345 admin123456 administrator asdfghjkl1 asdfghjkl;
    baseball123 changeme123 charlie123 chocolate1 football123 hotelhotel iloveyou12 iloveyou123 kitchen123
    letmein123 mypassword p@ssw0rd123 passw0rd123 password01 password10 password11 password12 password123
    password123! password1234 password12345 passwordpassword princess123 q1w2e3r4t5 q1w2e3r4t5y6
    qwer123456 qwerty1234 qwerty12345 qwerty123456 qwertyqwerty qwertyuiop qwertyuiop1 qwertyuiop123
    sunshine123 superman123 welcome123 welcome1234 zaq12wsxcde3 zxcvbnm123 zxcvbnm1234
"""
_COMMON: Final = frozenset(_TRIED_FIRST.split())
T = TypeVar("T")
_log = logging.getLogger(__name__)


def check_new(password: str, *, email: str, name: str) -> str:
    """The password in the form that is hashed (NFC). Raises InvalidInput when it is too easy or too long."""
    text = unicodedata.normalize("NFC", password)
    plain = text.casefold()
    if len(text) < _SHORTEST:
        raise _unfit(f"A password has at least {_SHORTEST} characters.")
    if _secret(text) is None:
        raise _unfit(f"A password has at most {_LONGEST_BYTES} bytes; an accent or a kanji takes 2 to 4.")
    if len(set(plain)) == 1:
        raise _unfit("This is one character again and again; choose another password.")
    if plain in {word.casefold() for word in (email, email.partition("@")[0], name)}:
        raise _unfit("This is the name or the e-mail address; choose another password.")
    if plain in _COMMON:
        raise _unfit("This is one of the most common passwords; choose another one.")
    return text


class Passwords:
    """Hashes and verifies, with at most `processes` at a time and `waiting` more in line.

    Past that, a call raises RateLimited; `refusals` counts those. The processes start with the first calls,
    in a few hundredths of a second; call `aclose` at the end. `rounds` is the cost of bcrypt: 12 is a quarter
    of a second.
    """

    def __init__(self, *, processes: int, waiting: int, rounds: int = 12) -> None:
        self._processes = processes
        self._most = processes + waiting
        self._rounds = rounds
        # A hash of this cost that no password has.
        self._nobody = f"$2b${rounds:02d}${'.' * 53}"
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._open = 0
        self.refusals = 0
        self._lanes: list[asyncio.Task[None]] = []
        self._closed = False

    async def hash(self, password: str) -> str:
        """The text to store. Raises InvalidInput when it is too long, RateLimited and Unavailable."""
        secret = _secret(password)
        if secret is None:
            raise _unfit(f"A password has at most {_LONGEST_BYTES} bytes.")
        return await self._run(f"hash {self._rounds} {secret.hex()}\n")

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of `password`; None, for an account that does not exist, never is.

        Raises RateLimited and Unavailable.
        """
        secret = _secret(password)
        possible = secret is not None and stored is not None and _HASH.match(stored) is not None
        if stored is not None and not _HASH.match(stored):
            _log.error("a stored password hash cannot be read")
        # The work is done in any case. This is the defence against telling known accounts from unknown ones
        # by the time that the answer takes.
        answer = await self._run(f"check {stored if possible else self._nobody} {(secret or b'').hex()}\n")
        return possible and answer == "1"

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` has another cost than new ones: hash again at the next sign-in that succeeds."""
        return not stored.startswith(f"$2b${self._rounds:02d}$")

    @property
    def line(self) -> int:
        """How many are worked on or wait."""
        return self._open

    async def aclose(self) -> None:
        """End the processes; whoever still waits gets Unavailable."""
        self._closed = True
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        while not self._jobs.empty():
            self._jobs.get_nowait().fail(_away())

    async def _run(self, request: str) -> str:
        if self._closed:
            raise _away()
        if self._open >= self._most:
            self.refusals += 1
            raise RateLimited("Too many people sign in at this moment; try again.", retry_after_seconds=1)
        if len(self._lanes) < self._processes and self._open >= len(self._lanes):
            self._lanes.append(asyncio.create_task(self._lane(), name="passwords"))
        job = _Job(request.encode())
        self._open += 1
        self._jobs.put_nowait(job)
        return await job.answer

    async def _lane(self) -> None:
        """One worker process and the jobs it does, one by one."""
        worker = _Worker()
        try:
            while True:
                job = await self._jobs.get()
                try:
                    if not job.answer.done():  # else the caller has left meanwhile
                        await worker.do(job)
                finally:
                    self._open -= 1
        finally:
            await worker.close()


class _Job:
    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Worker:
    """A process of `hashing.py`, started when it is needed and again when it has died.

    A thread of its own talks to it: the event loop's subprocesses would need SIGCHLD, which only one loop
    of a process gets for sure.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._process: subprocess.Popen[bytes] | None = None

    async def do(self, job: _Job) -> None:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                answer = await self._ask_twice(job.request)
        except (OSError, EOFError, TimeoutError) as error:
            _log.error("no password can be checked", extra={"reason": type(error).__name__})
            await self.end()
            job.fail(_away())
        except asyncio.CancelledError:
            job.fail(_away())
            raise
        except Exception as error:  # noqa: BLE001 - the caller waits for an answer, and gets the bug as one
            await self.end()
            job.fail(error)
        else:
            if not job.answer.done():
                job.answer.set_result(answer)

    async def _ask_twice(self, request: bytes) -> str:
        try:
            return await self._ask(request)
        except (OSError, EOFError):
            _log.warning("a process for passwords ended; starting another one")
            await self.end()
            return await self._ask(request)

    async def _ask(self, request: bytes) -> str:
        return await self._in_thread(partial(self._talk, request))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def end(self) -> None:
        """Kill it: it holds nothing that would be lost. What the thread waits for then ends as well."""
        if self._process is not None:
            self._process.kill()
        await self._in_thread(self._bury)

    async def close(self) -> None:
        """No more of this worker."""
        try:
            await self.end()
        finally:
            self._thread.shutdown(wait=False)

    # in the thread

    def _talk(self, request: bytes) -> str:
        process = self._process = self._process or _start()
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(request)
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line.decode().strip()

    def _bury(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it may have been started just now
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what could not be written is nobody's any more
                    pipe.close()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: else the modules beside it would stand before Python's own
        [sys.executable, "-P", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl+C is for the hub alone; the end of the hub ends it.
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
    )


def _secret(password: str) -> bytes | None:
    """What bcrypt reads, or None when the password is too long or no text."""
    try:
        data = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
    return data if len(data) <= _LONGEST_BYTES else None


def _unfit(message: str) -> InvalidInput:
    return InvalidInput(message, field="password")


def _away() -> Unavailable:
    return Unavailable("Passwords cannot be checked at this moment; try again.")
