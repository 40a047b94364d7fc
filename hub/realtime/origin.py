"""Which pages may open a socket. A browser opens one to anywhere for any page, and only names its origin;
whoever names none is no browser, and could say what it likes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": ":80", "https": ":443"}


class Origins:
    """`allowed` are origins besides the hub's own host, as in `https://hub.example`."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(_parse(origin) for origin in allowed)

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether the headers of an upgrade name an allowed origin, the very host they ask for, or none.

        The scheme is not compared with the hub's own: behind a proxy, it does not know it.
        """
        named: dict[bytes, list[str]] = {b"origin": [], b"host": []}
        for name, value in headers:
            if name in named:
                named[name].append(value.decode("latin-1").lower())
        match named[b"origin"], named[b"host"]:
            case [], _:
                return True
            case [origin], [host]:
                scheme, address = _parse(origin)
                if not address:
                    return False
                return (scheme, address) in self._allowed or address == host.removesuffix(_PORTS[scheme])
            case _:
                return False


def _parse(origin: str) -> tuple[str, str]:
    """Scheme and host:port without the port that goes without saying; empty for what is no origin."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return "", ""
    if parts.scheme not in _PORTS or parts.geturl() != f"{parts.scheme}://{parts.netloc}":
        return "", ""
    return parts.scheme, parts.netloc.removesuffix(_PORTS[parts.scheme])
