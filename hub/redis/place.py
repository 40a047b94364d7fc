"""Where Redis is, read from HUB_REDIS_URL:

    redis://user:password@host:6379/0      one server; rediss:// speaks TLS, unix:///path is a socket file
    redis+sentinel://h1:26379,h2:26379,h3:26379/service/0      whoever the Sentinels say is the primary
    redis+cluster://h1:6379,h2:6379        all primaries of a cluster, found by asking these

`rediss+sentinel` and `rediss+cluster` speak TLS with all of them.
"""

from __future__ import annotations

import ssl
from typing import Any, Final, Literal, NoReturn, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from hub.errors import SettingError

# Host and port; of a socket file its path and 0.
Address: TypeAlias = tuple[str, int]
Form: TypeAlias = Literal["one", "sentinel", "cluster"]

_TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")
_CHECKS: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_PORTS: Final[dict[Form, int]] = {"one": 6379, "sentinel": 26379, "cluster": 6379}


class Login(Struct, frozen=True):
    """What a server asks for; a password without a name is that of the user `default`."""

    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return "Login()"


class Place(Struct, frozen=True, kw_only=True):
    """`seeds` are the servers that the URL names: Sentinels, or some of a cluster. `tls` holds redis-py's
    options for it, None without TLS."""

    form: Form
    seeds: tuple[Address, ...]
    service: str = ""
    db: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    tls: dict[str, str] | None = None

    def context(self) -> ssl.SSLContext | None:
        """For TLS connections. Raises SettingError when a file that the URL names is no good."""
        if self.tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls.get("ssl_ca_certs"))
            context.check_hostname = self.tls["ssl_check_hostname"] == "true"
            context.verify_mode = _CHECKS[self.tls["ssl_cert_reqs"]]
            if certificate := self.tls.get("ssl_certfile"):
                context.load_cert_chain(certificate, self.tls.get("ssl_keyfile"))
        except OSError:  # ssl.SSLError too
            _wrong("the TLS files it names cannot be read, or hold no certificate and key")
        return context

    def options(self) -> dict[str, Any]:
        """For redis-py's clients, without the address."""
        options: dict[str, Any] = {"username": self.login.username, "password": self.login.password}
        if self.form != "cluster":
            options["db"] = self.db
        if self.tls is not None:
            checks = self.tls["ssl_check_hostname"] == "true"
            options |= {"ssl": True, **self.tls, "ssl_check_hostname": checks}
        return options


def parse(url: str) -> Place:
    """Raises SettingError, its `field` HUB_REDIS_URL. The URL holds a password and is never repeated."""
    scheme, _, rest = url.partition("://")
    transport, _, kind = scheme.partition("+")
    if transport not in ("redis", "rediss", "unix") or kind not in ("", "sentinel", "cluster"):
        _wrong("it begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    form: Form = "sentinel" if kind == "sentinel" else "cluster" if kind == "cluster" else "one"
    # By hand: urlsplit refuses a bracket that is not the first of several servers.
    before, _, query = rest.partition("?")
    netloc, slash, path = before.partition("/")
    userinfo, _, hosts = netloc.rpartition("@")
    name, _, password = userinfo.partition(":")
    options = _options(query, form, tls=transport == "rediss")
    parts = [unquote(part) for part in path.split("/") if part]
    service = ""
    seeds: tuple[Address, ...]
    if transport == "unix":
        if form != "one" or hosts or not path.strip("/"):
            _wrong("a socket file is named as in unix:///run/redis.sock")
        seeds, parts = ((unquote(slash + path), 0),), []
    else:
        seeds = tuple(_address(one, _PORTS[form]) for one in hosts.split(","))
    if form == "one" and len(seeds) > 1:
        _wrong("several servers are a Sentinel set (redis+sentinel://) or a cluster (redis+cluster://)")
    if form == "sentinel":
        if not parts:
            _wrong("the name of the Sentinels' service is missing, as in redis+sentinel://h1:26379/service")
        service = parts.pop(0)
    return Place(
        form=form,
        seeds=seeds,
        service=service,
        db=_database(parts, options.pop("db", ""), form),
        login=Login(unquote(name) or None, unquote(password) or None),
        sentinel_login=Login(*(options.pop(option, None) for option in _SENTINEL_OPTIONS)),
        tls=options if transport == "rediss" else None,
    )


def _options(query: str, form: Form, *, tls: bool) -> dict[str, str]:
    """What stands behind the question mark, with what holds when nothing does."""
    known = {"db", *(_TLS_OPTIONS if tls else ()), *(_SENTINEL_OPTIONS if form == "sentinel" else ())}
    given = dict(parse_qsl(query, keep_blank_values=True))
    if strange := sorted(given.keys() - known):
        _wrong(f"it has no option {strange[0]}; there are {', '.join(sorted(known))}")
    if tls:
        given.setdefault("ssl_cert_reqs", "required")
        given.setdefault("ssl_check_hostname", "false" if given["ssl_cert_reqs"] == "none" else "true")
        if given["ssl_cert_reqs"] not in _CHECKS or given["ssl_check_hostname"] not in ("true", "false"):
            _wrong("ssl_cert_reqs is required, optional or none, and ssl_check_hostname is true or false")
        if given["ssl_cert_reqs"] == "none" and given["ssl_check_hostname"] == "true":
            _wrong("ssl_check_hostname=true needs ssl_cert_reqs=required")
    return given


def _address(text: str, port: int) -> Address:
    try:
        split = urlsplit(f"//{text}")
        if not split.hostname or "@" in text or split.port == 0:
            raise ValueError
        return split.hostname, split.port or port
    except ValueError:
        _wrong("each server is a host and a port, as in h1:6379 or [::1]:6379, with commas between them")


def _database(parts: list[str], option: str, form: Form) -> int:
    text = parts.pop(0) if parts else option or "0"
    if parts or not (text.isascii() and text.isdigit()):
        _wrong("behind the server stands the number of a database or nothing, as in redis://host:6379/0")
    if form == "cluster" and int(text):
        _wrong("a cluster has only database 0")
    return int(text)


def _wrong(reason: str) -> NoReturn:
    raise SettingError(f"HUB_REDIS_URL is wrong: {reason}.", field="HUB_REDIS_URL")
