"""Keys: how old they are, and whether the master keys of the settings open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.db.queries import load
from hub.errors import SealBroken
from hub.ops.doctor.finding import Finding, error, ok, warning
from hub.security import keyring, vault
from hub.security.sealing import MasterKeys

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

_queries = load("doctor")
SIGNING_KEY_AGE: Final = _queries["signing_key_age"]
OLD_DATA_KEYS: Final = _queries["old_data_keys"]
MASTER_KIDS: Final = _queries["master_kids"]
WRAPPED_KEYS: Final = _queries["wrapped_keys"]

_SIGNING_DAYS: Final = 90
_DATA_DAYS: Final = 365


async def examine(connection: Connection, settings: Settings) -> list[Finding]:
    """`connection` is of hub_admin."""
    return [
        await _signing(connection),
        await _data(connection),
        *await _masters(connection, settings),
    ]


async def _signing(connection: Connection) -> Finding:
    days = await connection.fetchval(SIGNING_KEY_AGE.text)
    if days is None:
        return ok("signing key", "there is none yet: the hub makes it when it starts")
    if days > _SIGNING_DAYS:
        return warning("signing key", f"it signs since {days:.0f} days", "run `hub keys rotate`")
    return ok("signing key", f"it signs since {days:.0f} days")


async def _data(connection: Connection) -> Finding:
    count = await connection.fetchval(OLD_DATA_KEYS.text, _DATA_DAYS)
    if count:
        return warning(
            "data keys",
            f"{count} hotels use one that is older than {_DATA_DAYS} days",
            "run `hub keys rotate --data`, then `hub keys reencrypt`",
        )
    return ok("data keys", f"none is older than {_DATA_DAYS} days")


async def _masters(connection: Connection, settings: Settings) -> list[Finding]:
    known = {key.kid for key in settings.master_keys}
    used = {row["kid"] for row in await connection.fetch(MASTER_KIDS.text)}
    findings = [
        error(
            "master keys",
            f"{kid} wraps keys of the database and is not in HUB_MASTER_KEYS: they are lost without it",
            "add it behind the others, then run `hub keys reencrypt`",
        )
        for kid in sorted(used - known)
    ]
    masters = MasterKeys(settings.master_keys)
    changed = set()
    for row in await connection.fetch(WRAPPED_KEYS.text):
        kid = row["wrapped"].split(":")[1]
        place = vault.place(row["tenant_id"], row["id"]) if row["id"] else keyring.place(row["kid"])
        if kid in known:
            try:
                masters.unwrap(row["wrapped"], place)
            except SealBroken:
                changed.add(kid)
    findings += [
        error("master keys", f"{kid} is not the key that it was", "find the one of that name")
        for kid in sorted(changed)
    ]
    if old := sorted(used & known - {masters.current}):
        findings.append(
            warning(
                "master keys",
                f"{', '.join(old)} still wraps keys, besides {masters.current}",
                "run `hub keys reencrypt` before it is dropped",
            )
        )
    return findings or [ok("master keys", f"{masters.current} wraps everything")]
