"""Which numbers the hub connects to, and which addresses it keeps: the table of what must not be reached."""

from __future__ import annotations

from typing import Final

import pytest

from hub.errors import InvalidInput
from hub.hooks.addresses import allowed, checked_url

PUBLIC: Final = (
    "93.184.216.34",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "223.255.255.255",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450:4001:830::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
)
# Of the house, which an operator may let the hub reach.
INSIDE: Final = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd12:3456::1",
    "fc00::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
)
# Never: metadata servers, links, groups, what is nobody's.
NEVER: Final = (
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::10.0.0.1",
    "2001:db8::1",
    "2001::1",
    "2001:10::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "64:ff9b:1::a00:1",
    "100::1",
    "not a number",
    "",
)


@pytest.mark.parametrize("number", PUBLIC)
def test_what_is_public_is_reached(number: str) -> None:
    assert allowed(number, private=False)
    assert allowed(number, private=True)


@pytest.mark.parametrize("number", INSIDE)
def test_what_is_inside_is_reached_only_where_the_operator_says_so(number: str) -> None:
    assert not allowed(number, private=False)
    assert allowed(number, private=True)


@pytest.mark.parametrize("number", NEVER)
def test_the_rest_is_never_reached(number: str) -> None:
    assert not allowed(number, private=False)
    assert not allowed(number, private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example/",
        "https://hooks.example:8443/a/b?c=d&e=%20",
        "https://xn--r8jz45g.example/x",
        "https://93.184.216.34/x",
        "https://[2606:2800:220:1::1]:444/x",
    ],
)
def test_an_address_of_the_internet_is_kept_as_it_is(url: str) -> None:
    assert checked_url(url, private=False) == url


@pytest.mark.parametrize("scheme", ["Https", "HTTPS", "httpS"])
def test_the_scheme_is_kept_in_lower_case(scheme: str) -> None:
    """A tablet's keyboard begins with a capital. The path stays as it is."""
    assert checked_url(f"{scheme}://Hooks.example/A?B", private=False) == "https://Hooks.example/A?B"


REFUSED: Final = (
    "http://hooks.example",
    "ftp://hooks.example",
    "file:///etc/passwd",
    "gopher://hooks.example:70/_x",
    "//hooks.example",
    "hooks.example",
    "https://",
    "https:///path",
    "https://:443/x",
    "https://user@hooks.example",
    "https://user:pass@hooks.example",
    "https://hooks.example@169.254.169.254/",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:x/",
    "https://hooks.example/#part",
    "https://hooks.example/a b",
    "https://hooks.example/\r\nX-Evil: 1",
    "https://hooks.example\\@evil.example/",
    "https://hooks.example%00.evil.example/",
    "https://ホテル.example/",
    "https://[::1",
    "https://[fe80::1%25eth0]/",
    "https://127.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://10.1.2.3:8443/",
)


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_address_of_the_internet_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_url(url, private=False)
    assert refused.value.field == "url"
    assert "user" not in refused.value.message, "it may hold a password"


def test_inside_plain_http_will_do_and_metadata_will_not() -> None:
    for url in ("http://127.0.0.1:9/x", "http://printer.lan/", "https://10.0.0.1/"):
        assert checked_url(url, private=True) == url
    for url in ("http://169.254.169.254/", "http://[fd00:ec2::254]/", "ftp://printer.lan/"):
        with pytest.raises(InvalidInput):
            checked_url(url, private=True)
