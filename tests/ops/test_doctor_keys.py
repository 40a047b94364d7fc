"""Master keys that are not those that wrapped the keys of the database."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hub.ops.doctor.examination import examine
from hub.security.sealing import MasterKeys
from hub.security.vault import place
from hub.settings import MasterKey
from tests.conftest import MASTER_KEY
from tests.ops.findings import said, troubles

if TYPE_CHECKING:
    from hub.db.pool import Connection

OTHER = b"another master key of the tests!"
OTHER_SECRET = base64.b64encode(OTHER).decode()


async def test_a_master_key_that_is_on_its_way_out(psql: Connection, sound: Mapping[str, str]) -> None:
    both = f"other:{OTHER_SECRET},{sound['HUB_MASTER_KEYS']}"
    findings = await examine({**sound, "HUB_MASTER_KEYS": both})
    assert troubles(findings) == [("master keys", "warning")]
    assert "hub keys reencrypt" in said(findings)


async def test_a_master_key_that_opens_the_keys_of_tokens_and_not_those_of_hotels(
    psql: Connection, sound: Mapping[str, str]
) -> None:
    row = await psql.fetchrow("SELECT tenant_id, id FROM app.data_keys")
    assert row is not None
    strange = MasterKeys((MasterKey(MASTER_KEY.kid, OTHER),)).wrap(OTHER, place(row["tenant_id"], row["id"]))
    await psql.execute("UPDATE app.data_keys SET wrapped = $2 WHERE id = $1", row["id"], strange)
    findings = await examine(sound)
    assert troubles(findings) == [("master keys", "error")]
    assert f"{MASTER_KEY.kid} is not the key that it was" in said(findings)
