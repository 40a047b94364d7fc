"""A broker over TLS, which believes only the authority that the URL names."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hub.realtime.broker import BrokerDown
from tests.realtime.listening import channel, connected, redis_station
from tests.realtime.test_broker_network import Cable

if TYPE_CHECKING:
    from hub.embedded import Servers


def self_signed(directory: Path, address: str) -> tuple[Path, Path]:
    """A certificate for an address, which is its own authority, and its key."""
    directory.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Redis at {address}")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    certificate, secret = directory / "cert.pem", directory / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


async def test_only_the_right_certificate_is_believed(servers: Servers, tmp_path: Path) -> None:
    mine, key = self_signed(tmp_path / "mine", "127.0.0.1")
    other, _ = self_signed(tmp_path / "other", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(mine, key)
    cable = Cable(Path(servers.redis_url.partition("unix://")[2]))
    async with await asyncio.start_server(cable.serve, "127.0.0.1", 0, ssl=context) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with redis_station(f"rediss://{address}?ssl_ca_certs={mine}") as station:
            await station.connected()
            await station.broker.subscribe(name := channel())
            big = bytes(300_000)
            await station.broker.publish([(name, b"x"), (name, big)])
            assert await station.ear.hear(2) == [(name, b"x"), (name, big)]
            cable.cut()
            await station.ear.break_off(2)
        for wrong in (f"ssl_ca_certs={other}", "ssl_cert_reqs=required"):
            async with redis_station(f"rediss://{address}?{wrong}") as station:
                station.start()
                with pytest.raises(BrokerDown):
                    await station.broker.publish([(channel(), b"x")])
                assert not connected(station)
        async with redis_station(f"rediss://{address}?ssl_cert_reqs=none") as station:
            await station.connected()
        cable.cut()
        await cable.close()
