import pytest

from hub.realtime.origin import Origins

HOST = (b"host", b"hub.example")
ORIGINS = Origins(["https://pages.example", "http://lab:8081", "https://Named.example:443"])


def admits(origin: str, host: str = "hub.example") -> bool:
    return ORIGINS.admit([(b"host", host.encode()), (b"origin", origin.encode())])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://hub.example", "hub.example"),
        ("http://hub.example", "hub.example"),
        ("https://HUB.example", "Hub.Example"),
        ("https://hub.example", "hub.example:443"),
        ("https://hub.example:443", "hub.example"),
        ("http://hub.example:8080", "hub.example:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://pages.example", "hub.example"),
        ("http://lab:8081", "hub.example"),
        ("https://named.example", "hub.example"),
    ],
)
def test_the_own_host_and_named_origins_may(origin: str, host: str) -> None:
    assert admits(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "hub.example"),
        ("https://hub.example.evil.example", "hub.example"),
        ("https://evil.example/hub.example", "hub.example"),
        ("https://hub.example@evil.example", "hub.example"),
        ("https://evil.example#hub.example", "hub.example"),
        ("https://hub.example:8443", "hub.example"),
        ("https://hub.example:80", "hub.example"),
        ("http://pages.example", "hub.example"),
        ("https://lab:8081", "hub.example"),
        ("null", "hub.example"),
        ("null", "null"),
        ("", ""),
        ("file://", ""),
        ("https://", ""),
        ("https://[::1", "[::1"),
        ("https://hub.example/", "hub.example/"),
        ("https://hub.example, https://evil.example", "hub.example"),
        ("hub.example", "hub.example"),
    ],
)
def test_no_other_may(origin: str, host: str) -> None:
    assert not admits(origin, host)


def test_whoever_names_no_page_is_no_browser() -> None:
    assert ORIGINS.admit([HOST])
    assert ORIGINS.admit([])


def test_two_answers_are_none() -> None:
    origin = (b"origin", b"https://hub.example")
    assert not ORIGINS.admit([HOST, origin, origin])
    assert not ORIGINS.admit([HOST, origin, (b"host", b"evil.example")])
    assert not ORIGINS.admit([origin])
