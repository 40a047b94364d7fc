"""The hub's own TLS, and what it believes of a proxy that ends it in front."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from hub.errors import SettingError
from hub.realtime.protocol import SUBPROTOCOL
from hub.web.listener import tls_context
from tests.realtime.conftest import Live, running

if TYPE_CHECKING:
    from hub.settings import Settings

HSTS = "max-age=63072000; includeSubDomains"


def certificate(directory: Path, passphrase: bytes | None = None) -> tuple[str, str]:
    """The paths of a certificate for 127.0.0.1 that signs itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    locked = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase)
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    return str(paths[0]), str(paths[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
async def live(settings: Settings, pair: tuple[str, str]) -> AsyncIterator[Live]:
    own = msgspec.structs.replace(settings, tls_certificate=pair[0], tls_key=pair[1], header_seconds=0.5)
    async with running(own, relay=False) as hub:
        yield hub


@pytest.fixture
def trust(pair: tuple[str, str]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair[0])


async def test_tls_1_3_is_spoken_and_remembered(live: Live, trust: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection(live.host, live.port, ssl=trust)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.write(b"GET /tablet HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f"strict-transport-security: {HSTS}".encode() in answer
    writer.close()


async def test_tls_1_2_is_refused(live: Live, trust: ssl.SSLContext) -> None:
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(live.host, live.port, ssl=trust)


async def test_a_socket_over_tls(live: Live, trust: ssl.SSLContext) -> None:
    async with connect(
        f"wss://{live.host}:{live.port}/ws",
        ssl=trust,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        origin=f"https://{live.host}:{live.port}",  # type: ignore[arg-type]  # its type is only a name for str
    ) as screen:
        await screen.send('{"type":"hello","token":"none"}')
        async with asyncio.timeout(10):
            assert '"bye"' in str(await screen.recv())


async def test_a_handshake_that_does_not_come(live: Live) -> None:
    reader, writer = await asyncio.open_connection(live.host, live.port)
    started = time.monotonic()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert time.monotonic() - started < 5
    writer.close()


@pytest.mark.parametrize("broken", ["missing", "swapped", "locked"])
async def test_files_that_are_no_pair(settings: Settings, tmp_path: Path, broken: str) -> None:
    chain, key = certificate(tmp_path, b"secret" if broken == "locked" else None)
    wrong = {"missing": (chain, "/nowhere"), "swapped": (key, chain), "locked": (chain, key)}[broken]
    with pytest.raises(SettingError, match="HUB_TLS_CERTIFICATE") as caught:
        tls_context(msgspec.structs.replace(settings, tls_certificate=wrong[0], tls_key=wrong[1]))
    assert "expected two PEM files" in caught.value.message


async def statuses(client: httpx.AsyncClient, *chains: str) -> list[int]:
    """What requests get whose X-Forwarded-For are these."""
    return [
        (await client.get("/api/openapi.json", headers={"X-Forwarded-For": chain})).status_code
        for chain in chains
    ]


@asynccontextmanager
async def plain(settings: Settings, *trusted: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a hub without TLS that trusts these proxies and lets an address ask twice."""
    own = msgspec.structs.replace(
        settings, trusted_proxies=trusted, limit_ip="2/hour", namespace=f"t{uuid4().hex[:12]}"
    )
    async with (
        running(own, relay=False) as live,
        httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}", trust_env=False) as client,
    ):
        yield client


async def test_nobody_is_believed_to_be_a_proxy(settings: Settings) -> None:
    async with plain(settings) as client:
        page = await client.get("/tablet", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in page.headers
        assert await statuses(client, "203.0.113.1", "203.0.113.2", "203.0.113.3") == [200, 200, 429]


async def test_a_trusted_proxy_is_believed(settings: Settings) -> None:
    async with plain(settings, "10.0.0.0/8", "127.0.0.1") as client:
        page = await client.get("/tablet", headers={"X-Forwarded-Proto": "https"})
        assert page.headers["strict-transport-security"] == HSTS
        # the client is the last address that is none of our proxies; what stands before it may be forged
        forged = [f"198.51.100.{n}, 203.0.113.1, 10.0.0.7" for n in range(3)]
        assert await statuses(client, *forged) == [200, 200, 429]
        assert await statuses(client, "203.0.113.2") == [200]
