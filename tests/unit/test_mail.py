import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.errors import InvalidInput, Unavailable
from hub.staff.mail import ConsoleMailer, Letter, Mailer, Outbox, SmtpMailer

LETTER = Letter("hanako@hotel.example", "Neues Passwort: 花", "Open https://hub.example/#reset=s3cret\n花")
Kind = Literal["starttls", "implicit", "plain"]


class Postmaster:
    """What a mail server does with a letter: it keeps it, or refuses who is called so."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.startswith("nobody"):
            return f"550 5.1.1 {address}: no such person"
        if address.startswith("later"):
            return f"451 4.3.0 {address}: come back"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        self.letters.append(envelope)
        return "554 we do not like this" if b"dislike" in envelope.content else "250 OK"


def authenticate(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"hub@x", b"p/w:@")
    return AuthResult(success=good, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "mail.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[[Kind, Postmaster], int]]:
    """Starts a mail server and gives its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with ExitStack() as stack:

        def start(kind: Kind, postmaster: Postmaster) -> int:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            server = Controller(
                postmaster,
                "127.0.0.1",
                port,
                ssl_context=context if kind == "implicit" else None,
                tls_context=context if kind == "starttls" else None,
                require_starttls=kind == "starttls",
                auth_required=kind == "starttls",
                auth_require_tls=kind == "starttls",
                authenticator=authenticate,
                enable_SMTPUTF8=True,
            )
            server.start()
            stack.callback(server.stop)
            return port

        yield start


@pytest.mark.parametrize(("kind", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
async def test_a_letter_arrives_as_it_was_written(
    serve: Callable[[Kind, Postmaster], int], trust: ssl.SSLContext, kind: Kind, scheme: str
) -> None:
    postmaster = Postmaster()
    port = serve(kind, postmaster)
    mailer = SmtpMailer(f"{scheme}://hub%40x:p%2Fw%3A%40@127.0.0.1:{port}", "hub@hotel.example", tls=trust)
    await mailer.send(LETTER)
    (envelope,) = postmaster.letters
    assert (envelope.mail_from, envelope.rcpt_tos) == ("hub@hotel.example", ["hanako@hotel.example"])
    message: Any = message_from_bytes(envelope.content, policy=policy.default)
    assert (message["to"], message["from"]) == ("hanako@hotel.example", "hub@hotel.example")
    assert message["subject"] == LETTER.subject
    assert message.get_content().replace("\r\n", "\n") == LETTER.text + "\n"
    assert message["message-id"].endswith("@hotel.example>")
    assert message["auto-submitted"] == "auto-generated"


async def test_an_address_in_another_script_is_reached(
    serve: Callable[[Kind, Postmaster], int], trust: ssl.SSLContext
) -> None:
    postmaster = Postmaster()
    port = serve("starttls", postmaster)
    mailer = SmtpMailer(f"smtp://hub%40x:p%2Fw%3A%40@127.0.0.1:{port}", "hub@hotel.example", tls=trust)
    await mailer.send(Letter("花子@hotel.example", "x", "y"))
    assert postmaster.letters[0].rcpt_tos == ["花子@hotel.example"]


@pytest.mark.parametrize(
    ("kind", "login", "to", "error", "status"),
    [
        ("starttls", "hub%40x:wrong", "a@hotel.example", Unavailable, "535"),
        ("starttls", "hub%40x:p%2Fw%3A%40", "nobody@hotel.example", InvalidInput, "550"),
        ("starttls", "hub%40x:p%2Fw%3A%40", "later@hotel.example", Unavailable, "451"),
        ("starttls", "hub%40x:p%2Fw%3A%40", "dislike@hotel.example", Unavailable, "554"),
        ("plain", "hub%40x:p%2Fw%3A%40", "a@hotel.example", Unavailable, "cannot be used"),
    ],
)
async def test_a_refusal_is_told_without_address_and_password(
    serve: Callable[[Kind, Postmaster], int],
    trust: ssl.SSLContext,
    kind: Kind,
    login: str,
    to: str,
    error: type[Exception],
    status: str,
) -> None:
    postmaster = Postmaster()
    port = serve(kind, postmaster)
    mailer = SmtpMailer(f"smtp://{login}@127.0.0.1:{port}", "hub@hotel.example", tls=trust)
    with pytest.raises(error, match=status) as caught:
        await mailer.send(Letter(to, "x", "y"))
    told = str(caught.value)
    assert to not in told
    assert "wrong" not in told
    assert "p/w" not in told
    assert not postmaster.letters or status == "554"


@pytest.mark.parametrize(("kind", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
async def test_a_server_that_nobody_vouches_for_gets_nothing(
    serve: Callable[[Kind, Postmaster], int], kind: Kind, scheme: str
) -> None:
    postmaster = Postmaster()
    port = serve(kind, postmaster)
    mailer = SmtpMailer(f"{scheme}://hub%40x:p%2Fw%3A%40@127.0.0.1:{port}", "hub@hotel.example")
    with pytest.raises(Unavailable, match="cannot be used"):
        await mailer.send(LETTER)
    assert not postmaster.letters


async def test_a_server_that_stalls_or_is_away_does_not_hold_the_letter_for_ever() -> None:
    stalled = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stalled.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "hub@hotel.example", seconds=0.2)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="cannot be used"):
            await mailer.send(LETTER)
        assert stalled.is_set()
        server.close()
        await server.wait_closed()
        with pytest.raises(Unavailable, match="cannot be used"):
            await mailer.send(LETTER)


async def test_a_server_that_is_slow_at_every_step_is_given_up_in_all() -> None:
    left = asyncio.Event()

    async def think_long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(0.15)
                writer.write(b"220 mail.example\r\n")
                if not await reader.readline():
                    break
        writer.close()
        left.set()

    async with await asyncio.start_server(think_long, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        # Each answer comes in time, all of them together do not.
        mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "hub@hotel.example", seconds=0.25)
        with pytest.raises(Unavailable, match=": TimeoutError"):
            await mailer.send(LETTER)
        await asyncio.wait_for(left.wait(), 5)


async def test_no_header_can_be_forged() -> None:
    mailer = SmtpMailer("smtp://127.0.0.1:9", "hub@hotel.example")
    for letter in (
        Letter("a@b.example\nBcc: all@b.example", "x", "y"),
        Letter("a@b.example", "x\r\nBcc: c", "y"),
    ):
        with pytest.raises(ValueError, match=r"linefeed|carriage return"):
            await mailer.send(letter)


async def test_the_demo_shows_the_letter() -> None:
    said: list[str] = []
    await ConsoleMailer(said.append).send(LETTER)
    assert all(part in said[0] for part in (LETTER.to, LETTER.subject, LETTER.text))


def test_a_letter_does_not_show_where_it_goes_and_what_it_says() -> None:
    assert "hanako" not in repr(LETTER)
    assert "s3cret" not in repr(LETTER)


class Failing:
    """A mailer that fails as it is told, and says so."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self.tried: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, letter: Letter) -> None:
        self.tried.put_nowait(letter.to)
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure


@pytest.fixture
async def running() -> AsyncIterator[Callable[..., Outbox]]:
    tasks: list[asyncio.Task[None]] = []

    def start(mailer: Mailer, **changes: Any) -> Outbox:
        outbox = Outbox(mailer, **changes)
        tasks.append(asyncio.create_task(outbox.run()))
        return outbox

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def tried(mailer: Failing, times: int) -> list[str]:
    async with asyncio.timeout(5):
        return [await mailer.tried.get() for _ in range(times)]


async def test_the_outbox_tries_three_times_and_says_so_without_the_address(
    running: Callable[..., Outbox], caplog: pytest.LogCaptureFixture
) -> None:
    mailer = Failing(Unavailable("451."), RuntimeError(LETTER.to), Unavailable("452."))
    outbox = running(mailer, pauses=(0.01, 0.02))
    outbox.post(LETTER)
    assert await tried(mailer, 3) == [LETTER.to] * 3
    outbox.post(Letter("next@hotel.example", "x", "y"))
    assert await tried(mailer, 1) == ["next@hotel.example"]
    assert [(one.levelno, vars(one)["reason"]) for one in caplog.records] == [
        (logging.WARNING, "451."),
        (logging.WARNING, "RuntimeError"),
        (logging.ERROR, "452."),
    ]
    assert not any("hanako" in str(vars(one)) or "s3cret" in str(vars(one)) for one in caplog.records)


async def test_a_letter_that_can_never_arrive_is_tried_once(running: Callable[..., Outbox]) -> None:
    mailer = Failing(InvalidInput("550."))
    outbox = running(mailer, pauses=(0.0, 0.0))
    outbox.post(LETTER)
    await tried(mailer, 1)
    outbox.post(Letter("next@hotel.example", "x", "y"))
    assert await tried(mailer, 1) == ["next@hotel.example"]


async def test_a_letter_that_waits_for_its_next_try_holds_up_no_other(running: Callable[..., Outbox]) -> None:
    mailer = Failing(Unavailable("451."))
    outbox = running(mailer, pauses=(60.0,))
    for name in ("first", "second", "third"):
        outbox.post(Letter(name, "x", "y"))
    assert await tried(mailer, 3) == ["first", "second", "third"]


async def test_a_full_outbox_drops_and_never_fails_the_caller(
    running: Callable[..., Outbox], caplog: pytest.LogCaptureFixture
) -> None:
    mailer = Failing()
    outbox = running(mailer, most=2)
    for name in ("first", "second", "third"):
        outbox.post(Letter(name, "x", "y"))
    assert await tried(mailer, 2) == ["first", "second"]
    outbox.post(Letter("fourth", "x", "y"))
    assert await tried(mailer, 1) == ["fourth"]
    assert "outbox is full" in caplog.text
    assert "third" not in caplog.text


async def test_what_is_left_at_the_end_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    mailer = Failing(Unavailable("451."))
    outbox = Outbox(mailer)
    task = asyncio.create_task(outbox.run())
    outbox.post(LETTER)
    await tried(mailer, 1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert vars(caplog.records[-1])["letters"] == 1
