"""HUB_REDIS_URL in its forms, and what is wrong with the others."""

from __future__ import annotations

import pytest

from hub.environment import load
from hub.errors import SettingError
from hub.redis.place import Login, parse

SECRET = "open-sesame"


def test_one_server() -> None:
    place = parse("redis://cache")
    assert (place.form, place.seeds, place.db, place.login) == ("one", (("cache", 6379),), 0, Login())
    place = parse("rediss://me:p%40ss@[::1]:7000/3?ssl_ca_certs=/etc/ca.pem")
    assert (place.seeds, place.db, place.login) == ((("::1", 7000),), 3, Login("me", "p@ss"))
    assert place.options()["ssl_ca_certs"] == "/etc/ca.pem"
    assert place.options()["ssl_check_hostname"] is True
    assert parse("unix://:pw@/run/a%20b.sock?db=2").seeds == (("/run/a b.sock", 0),)
    assert parse("unix://:pw@/run/a%20b.sock?db=2").db == 2


def test_sentinels() -> None:
    place = parse("redis+sentinel://:pw@h1:1,h2,[::2]:3/orders/4?sentinel_username=w&sentinel_password=x%20y")
    assert (place.form, place.service, place.db) == ("sentinel", "orders", 4)
    assert place.seeds == (("h1", 1), ("h2", 26379), ("::2", 3))
    assert (place.login, place.sentinel_login) == (Login(None, "pw"), Login("w", "x y"))


def test_a_cluster() -> None:
    place = parse("rediss+cluster://me:pw@h1,h2:7001/0?ssl_cert_reqs=none")
    assert (place.form, place.seeds) == ("cluster", (("h1", 6379), ("h2", 7001)))
    assert place.options() == {
        "username": "me",
        "password": "pw",
        "ssl": True,
        "ssl_cert_reqs": "none",
        "ssl_check_hostname": False,
    }


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinal://h1/orders", "begins with"),
        ("redis+sentinel://h1:26379,h2:26379", "service"),
        ("redis+sentinel://h1:26379,h2:26379/", "service"),
        ("redis+sentinel://h1/orders/db/1", "number of a database"),
        ("redis+sentinel://h1/orders/x", "number of a database"),
        ("redis+cluster://h1,h2/1", "only database 0"),
        ("redis+cluster://h1,,h2", "a host and a port"),
        ("redis+cluster://h1:port", "a host and a port"),
        ("redis+cluster://h1:99999", "a host and a port"),
        ("redis+cluster://", "a host and a port"),
        ("redis://h1,h2", "Sentinel set"),
        ("redis://h1/-1", "number of a database"),
        ("redis://h1:0", "a host and a port"),
        ("redis://h1?ssl_ca_certs=/etc/ca.pem", "no option ssl_ca_certs"),
        ("redis://h1?sentinel_password=x", "no option sentinel_password"),
        ("rediss://h1?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://h1?ssl_cert_reqs=none&ssl_check_hostname=true", "ssl_check_hostname"),
        ("unix://", "socket file"),
        ("unix+cluster:///run/redis.sock", "socket file"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(url: str, reason: str) -> None:
    url = url.replace("://", f"://:{SECRET}@", 1)
    with pytest.raises(SettingError, match=reason) as caught:
        parse(url)
    assert caught.value.field == "HUB_REDIS_URL"
    assert SECRET not in str(caught.value)
    with pytest.raises(SettingError, match="HUB_REDIS_URL") as caught:
        load({"HUB_DATABASE_URL": "postgresql://db/hub", "HUB_REDIS_URL": url}, frozenset())
    assert SECRET not in str(caught.value)


def test_tls_files_must_be_there() -> None:
    with pytest.raises(SettingError, match="TLS files"):
        parse("rediss://h1?ssl_ca_certs=/nowhere/ca.pem").context()
    assert SECRET not in repr(parse(f"redis://:{SECRET}@h1"))
