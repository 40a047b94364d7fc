"""Reading the settings from the environment, once, at a start.

With `_FILE` behind its name, a variable names a file that holds the value, so that a secret need not stand in
the environment. A setting that is missing, wrong or unknown stops the start with its name and what was
expected; a secret is never repeated in the error.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from hub.errors import SettingError
from hub.redis.place import parse
from hub.settings import MasterKey, Settings

# Read by the embedded servers of `hub demo` and the tests, not by the hub itself.
EMBEDDED: Final = frozenset({"HUB_HOME", "HUB_PG_BINDIR", "HUB_REDIS_BIN"})
# What each way of starting cannot do without.
TO_SERVE: Final = frozenset({"HUB_DATABASE_URL", "HUB_MASTER_KEYS"})
TO_MIGRATE: Final = frozenset({"HUB_DATABASE_URL"})
_FIELDS: Final = {f"HUB_{field.name.upper()}": field for field in msgspec.structs.fields(Settings)}
# Also every file: one that was named by mistake may hold another's secret.
_UNREPEATABLE: Final = ("_PASSWORD", "_TOKEN", "_URL", "_KEYS", "_FILE")
_LISTS: Final = frozenset({"HUB_REPLICA_URL", "HUB_TRUSTED_PROXIES", "HUB_ALLOWED_ORIGINS"})
_KEYS: Final = {"HUB_MASTER_KEYS": MasterKey}
_FILE: Final = "_FILE"
_NAMES: Final = frozenset({*_FIELDS, *(f"{name}{_FILE}" for name in _FIELDS)})
# No value is nearly as long; a file that is longer, or has no end, was named by mistake.
_LONGEST_FILE: Final = 65_536


def load(environ: Mapping[str, str], required: frozenset[str] = TO_SERVE) -> Settings:
    """Read the settings from environment variables and the files they name; an empty variable counts as not
    set.

    Raises SettingError, its `field` the variable's name, when one is missing, wrong or unknown.
    """
    for name in sorted(environ):
        if name.startswith("HUB_") and name not in _NAMES and name not in EMBEDDED:
            near = difflib.get_close_matches(name, sorted(_NAMES), n=1)
            hint = f"did you mean {near[0]}?" if near else "`hub/settings.py` lists them."
            raise SettingError(f"{name} is not a setting of the hub; {hint}", field=name)
    values: dict[str, object] = {}
    for name, field in _FIELDS.items():
        by_file = f"{name}{_FILE}"
        text, path = environ.get(name, "").strip(), environ.get(by_file, "").strip()
        if text and path:
            raise SettingError(f"{name} and {by_file} are both set; keep only one of them.", field=by_file)
        if path:
            values[field.name] = _parse(name, _read(by_file, path), field.type, given=by_file)
        elif text:
            values[field.name] = _parse(name, text, field.type, given=name)
        elif name in required:
            raise SettingError(f"{name} is missing; expected {_expected(field.type)}.", field=name)
    settings = msgspec.convert(values, Settings)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        missing = "HUB_TLS_KEY" if settings.tls_key is None else "HUB_TLS_CERTIFICATE"
        raise SettingError(
            f"{missing} is missing; set HUB_TLS_CERTIFICATE and HUB_TLS_KEY, or none of them.", field=missing
        )
    if settings.metrics_token is None and not _is_loopback(settings.metrics_host):
        raise SettingError(
            "HUB_METRICS_TOKEN is missing; set it when HUB_METRICS_HOST is an address that others can reach.",
            field="HUB_METRICS_TOKEN",
        )
    return settings


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether `load` will find a value for `name`, in the environment or in a file."""
    return any(environ.get(one, "").strip() for one in (name, f"{name}{_FILE}"))


def _read(name: str, path: str) -> str:
    """What the file says, without the line feed at its end."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
        text = data.decode()
    except OSError as error:
        raise SettingError(f"{name}: the file cannot be read: {error.strerror}.", field=name) from None
    except ValueError:  # it is not UTF-8; or the path itself has a zero byte
        raise SettingError(f"{name}: the file is not a text in UTF-8.", field=name) from None
    if len(data) > _LONGEST_FILE:
        raise SettingError(f"{name}: the file is longer than {_LONGEST_FILE} bytes.", field=name)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():  # a secret that was never written must not count as "no password"
        raise SettingError(f"{name}: the file is empty.", field=name)
    return text


def _parse(name: str, text: str, wanted: type, *, given: str) -> object:
    """The value of setting `name`; an error speaks of `given`, the variable that was set."""
    source: object = text
    if kind := _KEYS.get(name):
        names = kind.__struct_fields__
        source = [
            dict(zip(names, map(str.strip, key.split(":", len(names) - 1)), strict=False))
            for key in text.split(",")
        ]
    elif name in _LISTS:
        source = [item.strip() for item in text.split(",")]
    try:
        value: object = msgspec.convert(source, wanted, strict=False)
    except msgspec.ValidationError:
        value = None
    if value is None or not _sound(name, value):
        shown = "is wrong" if given.endswith(_UNREPEATABLE) else f"is {text!r}"
        raise SettingError(f"{given} {shown}; expected {_expected(wanted)}.", field=given)
    return value


def _sound(name: str, value: Any) -> bool:
    """Whether a value of the right type also makes sense."""
    if name in _KEYS:
        return len({key.kid for key in value}) == len(value)
    try:
        if name == "HUB_TRUSTED_PROXIES":
            return all(ipaddress.ip_network(item) for item in value)
        if name == "HUB_SMTP_URL":
            return bool(urlsplit(value).port != 0)
        if name == "HUB_REDIS_URL":
            parse(value)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _expected(wanted: type) -> str:
    """The description that the setting's annotation gives, read from its JSON schema."""
    return str(msgspec.json.schema(wanted)["description"])
