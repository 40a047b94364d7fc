"""The sockets that the hub listens on, and how they speak TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

from hub.errors import SettingError

if TYPE_CHECKING:
    from hub.settings import Settings

BACKLOG: Final = 4096
_SEND_BUFFER: Final = 256 * 1024
_PEER_MILLISECONDS: Final = 30_000


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit both. What the kernel holds for a peer that does not read is bounded, and one
    # that takes nothing for so long is cut off by the kernel, whatever the server above it waits for.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PEER_MILLISECONDS)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "set HUB_HOST and HUB_PORT, or --port.",
            field="HUB_PORT",
        ) from error
    listener.listen(BACKLOG)
    return listener


def bind_metrics(settings: Settings) -> socket.socket | None:
    """The listening socket of /metrics; None when there shall be none. Raises SettingError."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        return None
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingError(
            f"cannot listen on {host} port {port}: {error.strerror}; set HUB_METRICS_HOST and "
            "HUB_METRICS_PORT.",
            field="HUB_METRICS_PORT",
        ) from error


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.3 and nothing older; None when the settings name no certificate. Raises SettingError."""
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_passphrase)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"HUB_TLS_CERTIFICATE and HUB_TLS_KEY cannot be read ({type(error).__name__}); expected two PEM "
            "files of one pair, the key without a passphrase.",
            field="HUB_TLS_CERTIFICATE",
        ) from error
    return context


def _no_passphrase() -> str:
    """Asked for the passphrase of a key; without it OpenSSL would ask the terminal."""
    raise ValueError("the key has a passphrase")
