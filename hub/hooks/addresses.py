"""Which addresses the hub may speak to because a manager has written them down: none of the network that it
stands in itself. A name says nothing; what counts is the number that it leads to, at the moment of the
connection, so whoever connects asks here and connects to that very number."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from hub.errors import InvalidInput

_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_TEXT: Final = re.compile(r"[!-~]+")

# What is not of the public internet (IANA's registries of special-purpose addresses), and multicast.
_SPECIAL_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        # public by its number, and yet the metadata and wire server of a cloud
        "168.63.129.16/32",
    )
)
# All that is public lies in the first; the others are parts of it that lead back into IPv4 or nowhere.
_PUBLIC_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# A network without IPv4 reaches it under these.
_NAT64: Final = IPv6Network("64:ff9b::/96")
# What a house has inside, where the operator lets the hub speak to it. Nobody's metadata server is among it.
_INSIDE_4: Final = tuple(
    IPv4Network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_INSIDE_6: Final = tuple(IPv6Network(text) for text in ("::1/128", "fc00::/7"))
_METADATA: Final = tuple(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    )
)


def allowed(text: str, *, private: bool) -> bool:
    """Whether the hub may connect to this number; `private` lets in what a house has inside."""
    try:
        number = ipaddress.ip_address(text)
    except ValueError:  # a zone, as in fe80::1%eth0, too
        return False
    if isinstance(number, IPv6Address):
        if number.ipv4_mapped is not None:
            number = number.ipv4_mapped
        elif number in _NAT64:
            number = IPv4Address(number.packed[-4:])
    if number in _METADATA:
        return False
    if isinstance(number, IPv4Address):
        if private and any(number in network for network in _INSIDE_4):
            return True
        return not any(number in network for network in _SPECIAL_4)
    if private and any(number in network for network in _INSIDE_6):
        return True
    return number in _PUBLIC_6 and not any(number in network for network in _SPECIAL_6)


def checked_url(text: str, *, private: bool) -> str:
    """An address as it is stored: https in lower case, a host, no name or password in it. Raises InvalidInput
    at `url`."""
    fault = InvalidInput(
        f"This must be an address that begins with {'http:// or ' if private else ''}https://, as in "
        "https://hooks.example/orders, without a name or password before the host.",
        field="url",
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise fault from None
    host, _, _ = parts.netloc.rpartition(":") if port is not None else (parts.netloc, "", "")
    if (
        not _TEXT.fullmatch(text)
        or "\\" in text
        or parts.scheme not in (("http", "https") if private else ("https",))
        or not _HOST.fullmatch(host)
        or port == 0
        or parts.fragment
    ):
        raise fault
    if is_number(parts.hostname or "") and not allowed(parts.hostname or "", private=private):
        raise InvalidInput("This address is not of the public internet.", field="url")
    return f"{parts.scheme}{text[len(parts.scheme) :]}"


def is_number(host: str) -> bool:
    """Whether a host is written as a number, and not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
