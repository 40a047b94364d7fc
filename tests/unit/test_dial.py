"""A URL that names several servers, taken apart."""

import pytest

from hub.db.dial import servers


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://hub@db/hub", ["postgresql://hub@db/hub"]),
        ("postgresql:///hub?host=/run/pg", ["postgresql:///hub?host=/run/pg"]),
        (
            "postgresql://hub:p%40ss@a,b:5433/hub?sslmode=verify-full",
            [
                "postgresql://hub:p%40ss@a:5432/hub?sslmode=verify-full",
                "postgresql://hub:p%40ss@b:5433/hub?sslmode=verify-full",
            ],
        ),
        ("postgres://a,b/hub?port=6000", ["postgres://a:6000/hub", "postgres://b:6000/hub"]),
        ("postgresql://[::1]:1,[::2]/hub", ["postgresql://[::1]:1/hub", "postgresql://[::2]:5432/hub"]),
        (
            "postgresql://hub@/hub?host=%2Fa%2Fs,%2Fb%2Fs&target_session_attrs=read-write",
            [
                "postgresql://hub@/hub?host=%2Fa%2Fs&port=5432",
                "postgresql://hub@/hub?host=%2Fb%2Fs&port=5432",
            ],
        ),
        (
            "postgresql:///hub?host=a,b&port=1,2",
            ["postgresql:///hub?host=a&port=1", "postgresql:///hub?host=b&port=2"],
        ),
    ],
)
def test_each_server_of_a_url(url: str, found: list[str]) -> None:
    assert servers(url) == found
