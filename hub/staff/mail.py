"""Letters to staff: invitations, forgotten passwords. They go out behind the answer, and never hold it up."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from msgspec import Struct

from hub.errors import HubError, InvalidInput, Unavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_PAUSES: Final = (5.0, 60.0)
_MOST: Final = 200
_SUBMISSION_PORT: Final = 587
_TLS_PORT: Final = 465
_PERMANENT: Final = 500
_log = logging.getLogger(__name__)


class Letter(Struct, frozen=True):
    """A plain text to one address. The text may hold a secret link, so neither shows in a log."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return f"Letter(subject={self.subject!r})"


class Mailer(Protocol):
    async def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises Unavailable, and InvalidInput when trying again is useless."""


class SmtpMailer:
    """Sends from `sender` by the mail server of `url`: `smtp://` (STARTTLS, never without) or `smtps://`.

    A letter takes at most `seconds`. `tls` replaces the system's certificates.
    """

    def __init__(
        self, url: str, sender: str, *, seconds: float = 30.0, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._implicit = parts.scheme == "smtps"
        self._port = parts.port or (_TLS_PORT if self._implicit else _SUBMISSION_PORT)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._domain = sender.rpartition("@")[2]
        self._seconds = seconds
        self._tls = tls

    async def send(self, letter: Letter) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await aiosmtplib.send(
                    self._message(letter),
                    sender=self._sender,
                    recipients=[letter.to],
                    hostname=self._host,
                    port=self._port,
                    username=self._user,
                    password=self._password,
                    # Else it would look its own name up in DNS.
                    local_hostname=self._domain,
                    use_tls=self._implicit,
                    start_tls=not self._implicit,
                    tls_context=self._tls,
                    timeout=self._seconds,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            status = error.recipients[0].code
            if status >= _PERMANENT:
                raise InvalidInput(f"The mail server refuses the address ({status}).", field="to") from None
            raise Unavailable(f"The mail server does not take the address now ({status}).") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Unavailable(
                f"The mail server refuses the name or the password in HUB_SMTP_URL ({error.code})."
            ) from None
        except aiosmtplib.SMTPResponseException as error:
            raise Unavailable(f"The mail server does not take the letter ({error.code}).") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # Its own words may repeat the address.
            raise Unavailable(f"The mail server cannot be used: {type(error).__name__}.") from None

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = localtime()
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"  # no "out of office" comes back
        message.set_content(letter.text)
        return message


class ConsoleMailer:
    """For the demo: `say` gets the letter as a text of several lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    async def send(self, letter: Letter) -> None:
        self._say(f"\nA letter to {letter.to}: {letter.subject}\n\n{letter.text}\n")


class Outbox:
    """Letters on their way: `post` them from anywhere, `run` sends them.

    Kept in memory alone: whoever waits for a letter that was lost asks for it again. A letter is tried once
    more after each of `pauses`, in seconds; meanwhile others go out. Past `most` waiting, new ones are
    dropped.
    """

    def __init__(self, mailer: Mailer, *, most: int = _MOST, pauses: tuple[float, ...] = _PAUSES) -> None:
        self._mailer = mailer
        self._most = most
        self._pauses = pauses
        self._waiting: list[_Waiting] = []
        self._posted = asyncio.Event()
        self._numbers = itertools.count()

    def post(self, letter: Letter) -> None:
        """Never waits and never raises: that a letter cannot be sent is not the caller's failure."""
        if len(self._waiting) >= self._most:
            _log.error("the outbox is full; a letter is dropped", extra={"waiting": len(self._waiting)})
            return
        heapq.heappush(self._waiting, _Waiting(0.0, next(self._numbers), 0, letter))
        self._posted.set()

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._posted.clear()
                pause = self._waiting[0].due - loop.time() if self._waiting else None
                if pause is None or pause > 0:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._posted.wait(), pause)
                    continue
                await self._try(heapq.heappop(self._waiting), loop)
        finally:
            if self._waiting:
                _log.warning("letters were not sent before the end", extra={"letters": len(self._waiting)})

    async def _try(self, one: _Waiting, loop: asyncio.AbstractEventLoop) -> None:
        try:
            await self._mailer.send(one.letter)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one letter, the others must go out
            reason = error.message if isinstance(error, HubError) else type(error).__name__
            last = one.tries >= len(self._pauses) or isinstance(error, InvalidInput)
            if last:
                _log.error("a letter was not sent", extra={"reason": reason, "tries": one.tries + 1})
                return
            _log.warning("a letter is tried again later", extra={"reason": reason, "tries": one.tries + 1})
            due = loop.time() + self._pauses[one.tries]
            heapq.heappush(self._waiting, _Waiting(due, next(self._numbers), one.tries + 1, one.letter))


class _Waiting(Struct, frozen=True, order=True):
    """A letter, when it is due in the loop's time, and how often it was tried; `number` keeps their order."""

    due: float
    number: int
    tries: int
    letter: Letter
