"""What a message goes to, and that nothing a name leads to and nothing a server answers takes it elsewhere or
holds it for long."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.hooks.client import Answer, Client, Lookup, Names
from tests.hooks.receiver import OK, Got, Receiver, receiving, says, silent, status
from tests.ports import free_port

HERE: Final = ["127.0.0.1"]
HOTEL: Final = uuid4()
BODY: Final = b'{"type":"webhook.test"}'


def leads_to(*numbers: str) -> Lookup:
    """Every name does."""

    async def look(_: UUID, host: str, port: int) -> list[str]:
        return list(numbers)

    return look


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for hooks.example that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(
        signed.public_bytes(encoding) + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    )
    return path


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


@pytest.fixture
async def secured(certificate: Path) -> AsyncIterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with receiving(context) as receiver:
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def client(look: Lookup | None = None, *, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> Client:
    return Client(look or leads_to(*HERE), private=True, tls=tls, seconds=seconds)


async def test_tls_and_the_request_speak_of_the_name(secured: Receiver, trust: ssl.SSLContext) -> None:
    answer = await client(tls=trust).post(HOTEL, secured.url, {"webhook-id": "1"}, BODY)
    assert answer == Answer(204)
    [got] = secured.got
    assert secured.names == ["hooks.example"]
    assert (got.path, got.body) == ("/told", BODY)
    assert got.headers["host"] == f"hooks.example:{secured.port}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "1"
    assert got.headers["user-agent"].startswith("hub/")
    assert "cookie" not in got.headers
    assert "authorization" not in got.headers


async def test_a_certificate_of_another_name_will_not_do(secured: Receiver, trust: ssl.SSLContext) -> None:
    other = secured.url.replace("hooks.example", "other.example")
    assert await client(tls=trust).post(HOTEL, other, {}, BODY) == Answer(fault="bad_certificate")
    assert await client().post(HOTEL, secured.url, {}, BODY) == Answer(fault="bad_certificate")
    assert secured.got == []


async def test_the_judged_number_is_the_one_that_is_connected_to(receiver: Receiver) -> None:
    """A name that leads elsewhere when it is asked a second time is asked once."""
    asked: list[str] = []

    async def look(_: UUID, host: str, port: int) -> list[str]:
        asked.append(host)
        return HERE if len(asked) == 1 else ["169.254.169.254"]

    assert await client(look).post(HOTEL, receiver.url, {}, BODY) == Answer(204)
    assert asked == ["hooks.example"]


@pytest.mark.parametrize(
    "numbers",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["fe80::1%lo"],
        ["0.0.0.0"],
    ],
)
async def test_no_name_leads_into_the_house(
    secured: Receiver, trust: ssl.SSLContext, numbers: list[str]
) -> None:
    strict = Client(leads_to(*numbers), private=False, tls=trust)
    assert await strict.post(HOTEL, secured.url, {}, BODY) == Answer(fault="private_address")
    assert secured.connections == 0


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost."],
)
async def test_no_way_to_write_it_leads_into_the_house(
    secured: Receiver, trust: ssl.SSLContext, host: str
) -> None:
    names = Names()
    try:
        strict = Client(names.look, private=False, tls=trust)
        answer = await strict.post(HOTEL, f"https://{host}:{secured.port}/told", {}, BODY)
    finally:
        names.close()
    # some systems do not know all of these forms, and then it is no name at all
    assert answer in (Answer(fault="private_address"), Answer(fault="unknown_name"))
    assert secured.connections == 0


async def test_metadata_is_not_reached_where_the_house_is() -> None:
    for number in ("169.254.169.254", "fd00:ec2::254", "224.0.0.1"):
        answer = await client(leads_to(number)).post(HOTEL, "http://metadata.example/latest", {}, BODY)
        assert answer == Answer(fault="private_address")


async def test_without_tls_nothing_goes_to_the_internet(receiver: Receiver) -> None:
    strict = Client(leads_to(*HERE), private=False)
    assert await strict.post(HOTEL, receiver.url, {}, BODY) == Answer(fault="private_address")
    assert receiver.connections == 0


async def test_a_name_that_nobody_knows() -> None:
    async def unknown(_: UUID, host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    for look in (unknown, leads_to()):
        assert await client(look).post(HOTEL, "https://x.example/", {}, BODY) == Answer(fault="unknown_name")


async def test_the_next_number_is_tried(receiver: Receiver) -> None:
    """A host with two numbers, of which one does not answer here."""
    assert await client(leads_to("127.0.0.9", *HERE)).post(HOTEL, receiver.url, {}, BODY) == Answer(204)


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(204)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, code: int) -> None:
    async with receiving() as other:
        receiver.answers = status(code, f"Location: {other.url}")
        assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(code, "redirected")
        assert other.connections == 0
    assert len(receiver.got) == 1


@pytest.mark.parametrize("code", [400, 401, 404, 410, 429, 500, 503])
async def test_a_refusal_is_one(receiver: Receiver, code: int) -> None:
    receiver.answers = status(code)
    assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(code, "refused")


async def test_who_says_nothing_is_left_in_time(receiver: Receiver) -> None:
    receiver.answers = silent
    started = time.monotonic()
    assert await client(seconds=0.3).post(HOTEL, receiver.url, {}, BODY) == Answer(fault="timed_out")
    assert time.monotonic() - started < 3.0


async def test_who_answers_drop_by_drop_is_left_in_time(receiver: Receiver) -> None:
    async def drops(_: Got, writer: asyncio.StreamWriter) -> bytes:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.01)
        return b""

    receiver.answers = drops
    started = time.monotonic()
    assert await client(seconds=0.4).post(HOTEL, receiver.url, {}, BODY) == Answer(fault="timed_out")
    assert time.monotonic() - started < 3.0


async def test_an_answer_without_end_is_not_read_to_its_end(receiver: Receiver) -> None:
    sent = 0

    async def endless(_: Got, writer: asyncio.StreamWriter) -> bytes:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    receiver.answers = endless
    assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(200)
    assert sent < 32 << 20


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 banana\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000],
)
async def test_what_is_no_answer_is_none(receiver: Receiver, answer: bytes) -> None:
    receiver.answers = says(answer)
    assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(fault="no_answer")


async def test_a_status_counts_though_the_rest_never_comes(receiver: Receiver) -> None:
    receiver.answers = says(OK.replace(b"204 No Content\r\n", b"200 OK\r\nContent-Length: 9\r\n"))
    assert await client().post(HOTEL, receiver.url, {}, BODY) == Answer(200)


async def test_nobody_there() -> None:
    url = f"http://hooks.example:{free_port()}/"
    assert await client().post(HOTEL, url, {}, BODY) == Answer(fault="no_connection")


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("/orders;v=1?a=b", "/orders;v=1?a=b"),
        ("/a;b/c;d=e", "/a;b/c;d=e"),
        ("?only=this", "/?only=this"),
        ("", "/"),
        ("//twice/%2F?x=%20;y", "//twice/%2F?x=%20;y"),
    ],
)
async def test_the_whole_of_an_address_is_asked_for(receiver: Receiver, rest: str, path: str) -> None:
    url = f"http://hooks.example:{receiver.port}{rest}"
    assert await client().post(HOTEL, url, {}, BODY) == Answer(204)
    assert [got.path for got in receiver.got] == [path]


class Zones:
    """Names of which some lie in zones whose servers do not answer, until `answers` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []
        self._names = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look)

    def look(self, host: str, port: int, **options: Any) -> Any:
        if host.startswith("dead"):
            self.asked.append(host)
            self.answers.wait()
        return self._names("127.0.0.1", port, **options)

    async def until(self, asked: int) -> None:
        """So many threads wait for an answer."""
        async with asyncio.timeout(10):
            while len(self.asked) < asked:  # noqa: ASYNC110 - threads tell no loop
                await asyncio.sleep(0.01)


async def give_up(asking: list[asyncio.Task[list[str]]]) -> None:
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zones]:
    zones = Zones(monkeypatch)
    yield zones
    zones.answers.set()


@pytest.fixture
def names(zones: Zones) -> Iterator[Names]:
    with closing(Names()) as names:
        yield names


async def test_a_dead_name_holds_up_no_other_of_its_hotel(zones: Zones, names: Names) -> None:
    """One thread waits for it, also when whoever asked has given up long ago."""
    for _ in range(5):
        asking = [asyncio.create_task(names.look(HOTEL, "dead.example", 443)) for _ in range(20)]
        async with asyncio.timeout(10):
            # asked after them
            assert await asyncio.create_task(names.look(HOTEL, "fine.example", 443)) == HERE
        await zones.until(1)
        await give_up(asking)
        assert zones.asked == ["dead.example"]
    zones.answers.set()
    async with asyncio.timeout(10):
        assert await names.look(HOTEL, "dead.example", 443) == HERE


async def test_many_dead_names_hold_up_no_other_hotel(zones: Zones, names: Names) -> None:
    """However many, and however often one hotel asks, it takes no more than its share of the threads."""
    dead = [f"dead{number}.example" for number in range(40)]
    for _ in range(3):
        asking = [asyncio.create_task(names.look(HOTEL, name, 443)) for name in dead]
        await zones.until(4)
        async with asyncio.timeout(10):
            assert await asyncio.create_task(names.look(uuid4(), "fine.example", 443)) == HERE
        await give_up(asking)
        assert len(zones.asked) == 4
    waits = asyncio.create_task(names.look(HOTEL, "fine.example", 443))
    await names.look(uuid4(), "fine.example", 443)
    assert not waits.done()
    zones.answers.set()
    async with asyncio.timeout(10):
        assert await waits == HERE
        # who gave up before a thread was free holds no name
        assert await asyncio.gather(*(names.look(HOTEL, name, 443) for name in dead)) == [HERE] * len(dead)
