"""Keys change under a hub that is at work: two processes, screens, requests. Nobody notices, and afterwards
the old keys are gone."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from hub import cli
from hub.db.database import Database
from hub.db.ids import uuid7
from hub.environment import load
from hub.errors import SettingError
from hub.keys import master, rotation
from hub.keys.command import Access, opened
from hub.security.principal import PLATFORM
from hub.settings import MasterKey
from tests.conftest import MASTER_KEY
from tests.factories import Hotel
from tests.realtime.conftest import Live, running
from tests.realtime.screens import token_of
from tests.security.rotating import LOOK, desk, going_on, guest, person, quick, reencryption

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings


NEW_MASTER = MasterKey(kid="new", secret=b"the next master key of the tests")
CLAIM, ORDERS = "/api/v1/devices/claim", "/api/v1/orders"


@pytest.fixture
async def nodes(settings: Settings) -> AsyncIterator[tuple[Live, Live]]:
    """Two processes' worth of hub."""
    async with running(quick(settings)) as first, running(quick(settings), relay=False) as second:
        yield first, second


async def test_tokens_stay_good_while_their_key_changes(
    nodes: tuple[Live, Live], access: Access, admin: Connection, hotel: Hotel
) -> None:
    old = {"Authorization": f"Bearer {token_of(hotel.kitchen())}"}
    fresh: list[str] = []
    async with (
        httpx.AsyncClient(base_url=f"http://{nodes[0].host}:{nodes[0].port}") as one,
        httpx.AsyncClient(base_url=f"http://{nodes[1].host}:{nodes[1].port}") as other,
        nodes[0].screen(hotel.kitchen()) as kitchen,
        nodes[1].screen(hotel.tablet()) as tablet,
    ):

        async def with_old(_: int) -> None:
            for client in (one, other):
                answer = await client.get(ORDERS, headers=old)
                assert answer.status_code == 200, answer.text

        async def with_fresh(number: int) -> None:
            """A token of one process is good at the other in the same moment."""
            issuer, reader = (one, other) if number % 2 else (other, one)
            token = await claim(issuer, admin, hotel)
            fresh.append(token)
            answer = await reader.get(ORDERS, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text

        async def order(_: int) -> None:
            lines = [{"menu_item_id": str(hotel.menu["soup"]), "quantity": 1}]
            quote = (await tablet.command("order.quote", lines=lines))["quote"]
            placed = await tablet.command("order.place", lines=lines, quoted_total=quote["total_amount"])
            await kitchen.until(lambda: placed["order"]["id"] in kitchen.orders())

        async with going_on(with_old, with_fresh, order), asyncio.timeout(20):
            kid, delay = await rotation.rotate_signing(
                access.database, access.master_keys, look_seconds=LOOK, token_seconds=60
            )
            assert delay > LOOK
            await until(lambda: kid == kid_of_token(fresh[-1]) if fresh else False)
        assert kid_of_token(fresh[0]) == "test"
        assert (kitchen.connections, tablet.connections) == (1, 1)
        ends = await admin.fetchval(
            "SELECT verifies_until - signs_from FROM app.signing_keys, (SELECT signs_from AS s FROM"
            " app.signing_keys WHERE kid = $1) AS new WHERE kid = 'test'",
            kid,
        )
        assert ends.total_seconds() > 60
        # past its end the old key goes, and its tokens with it
        await admin.execute("UPDATE app.signing_keys SET verifies_until = now() WHERE kid = 'test'")
        statuses: list[int] = []

        async def ask(_: int) -> None:
            statuses.append((await one.get(ORDERS, headers=old)).status_code)

        async with going_on(ask), asyncio.timeout(10):
            await until(lambda: bool(statuses) and statuses[-1] == 401)
        await rotation.rotate_signing(
            access.database, access.master_keys, look_seconds=LOOK, token_seconds=60
        )
        kids = [row["kid"] for row in await admin.fetch("SELECT kid FROM app.signing_keys")]
        assert len(kids) == 2
        assert "test" not in kids


async def until(condition: Callable[[], bool]) -> None:
    """Wait until what goes on beside has made it true."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.01)


async def claim(client: httpx.AsyncClient, admin: Connection, hotel: Hotel) -> str:
    """A token that the hub issues to a tablet."""
    code = str(uuid7())
    await admin.execute(
        "INSERT INTO app.pairing_codes (tenant_id, device_id, code_hash, expires_at)"
        " VALUES ($1, $2, sha256($3), now() + interval '1 min')",
        hotel.tenant_id,
        hotel.rooms[1].tablet_id,
        code.encode(),
    )
    answer = await client.post(CLAIM, json={"code": code})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def kid_of_token(token: str) -> str:
    head = token.partition(".")[0]
    kid: str = msgspec.json.decode(base64.urlsafe_b64decode(head + "=="))["kid"]
    return kid


async def test_a_master_key_can_be_replaced(
    settings: Settings, database: Database, admin: Connection, hotel: Hotel, other_hotel: Hotel
) -> None:
    cook = person(1)
    for place in (hotel, other_hotel):
        await desk(database, place).hire(cook)
    async with opened(quick(settings, NEW_MASTER, MASTER_KEY)) as both:
        assert (await reencryption(both).hotel(hotel.tenant_id)).wrapped == 2
        assert (await reencryption(both).hotel(hotel.tenant_id)).wrapped == 0
        assert await master.rewrap_signing(both.database, both.master_keys) >= 1
    assert await desk(database, hotel, NEW_MASTER).sign_in(cook.email, cook.pin) == cook
    assert await desk(database, other_hotel, MASTER_KEY).sign_in(cook.email, cook.pin) == cook
    async with (
        running(quick(settings, NEW_MASTER)) as live,
        httpx.AsyncClient(base_url=f"http://{live.host}:{live.port}") as client,
    ):
        headers = {"Authorization": f"Bearer {await claim(client, admin, hotel)}"}
        assert (await client.get(ORDERS, headers=headers)).status_code == 200
    with pytest.raises(SettingError, match="HUB_MASTER_KEYS does not open") as caught:
        async with running(quick(settings, MASTER_KEY)):
            pass
    assert caught.value.field == "HUB_MASTER_KEYS"
    async with opened(quick(settings, MASTER_KEY, NEW_MASTER)) as back:
        await master.rewrap_signing(back.database, back.master_keys)


async def test_the_commands(settings: Settings, database: Database, admin: Connection, hotel: Hotel) -> None:
    master_key = base64.b64encode(MASTER_KEY.secret).decode()
    environ = {
        "HUB_DATABASE_URL": settings.database_url,
        "HUB_MASTER_KEYS": f"{MASTER_KEY.kid}:{master_key}",
        "HUB_KEYS_SECONDS": str(LOOK),
        "COLUMNS": "200",
    }

    async def hub(*arguments: str) -> Result:
        # a command has a loop of its own
        return await asyncio.to_thread(CliRunner().invoke, cli.commands, ["keys", *arguments], env=environ)

    somebody = guest(1)
    await desk(database, hotel).write(somebody)
    rotated = await hub("rotate")
    assert rotated.exit_code == 0, rotated.output
    assert "signs in 1 s" in rotated.output
    data = await hub("rotate", "--data", "--hotel", hotel.slug)
    assert "1 hotels have new keys" in data.output
    assert (await hub("rotate", "--hotel", hotel.slug)).exit_code == 2
    shown = await hub("list")
    kid = rotated.output.split()[0]
    assert any(line.startswith("tokens") and kid in line for line in shown.output.splitlines())
    assert sum(line.startswith(f"{hotel.slug}, ") for line in shown.output.splitlines()) == 4
    done = await hub("reencrypt", "--hotel", hotel.slug)
    assert done.exit_code == 0, done.output
    assert "1 rows sealed anew" in done.output
    assert await desk(database, hotel).find(somebody.phone) == somebody
    await admin.execute(
        "UPDATE app.stays SET guest_name_encrypted = guest_phone_encrypted WHERE id = $1", somebody.id
    )
    await hub("rotate", "--data", "--hotel", hotel.slug)
    broken = await hub("reencrypt", "--hotel", hotel.slug)
    assert broken.exit_code == 1
    assert f"{hotel.slug}, stays {somebody.id}" in broken.output
    fresh = (await hub("new-master")).output.strip()
    (key,) = load({**environ, "HUB_MASTER_KEYS": fresh, "COLUMNS": ""}).master_keys
    assert len(key.secret) == 32
    secrets = (master_key, fresh)
    for result in (rotated, data, shown, done, broken):
        assert not any(secret in result.output for secret in secrets)


async def test_every_change_of_keys_stands_in_the_audit(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    await desk(database, hotel).write(guest(1))
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    kid, _ = await rotation.rotate_signing(
        access.database, access.master_keys, look_seconds=LOOK, token_seconds=60
    )
    await reencryption(access).hotel(hotel.tenant_id)
    events = await admin.fetch(
        "SELECT operation, user_role FROM app.audit_logs WHERE tenant_id = $1 AND operation LIKE 'key.%'"
        " ORDER BY created_at",
        hotel.tenant_id,
    )
    assert [tuple(event) for event in events] == [
        ("key.rotated", "keys"),
        ("key.rotated", "keys"),
        ("key.reencrypted", "keys"),
    ]
    assert kid == await admin.fetchval(
        "SELECT record FROM app.audit_logs WHERE tenant_id = $1 AND operation = 'key.rotated'"
        " ORDER BY created_at DESC LIMIT 1",
        PLATFORM,
    )
