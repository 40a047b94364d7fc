"""Keys change under a hub that is at work: two processes, screens, requests, people who are looked up. Nobody
notices, and afterwards the old keys are gone."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from hub import cli
from hub.db.database import Database
from hub.db.ids import uuid7
from hub.errors import NotFound, SettingError
from hub.keys import master, rotation
from hub.keys.command import Access, opened
from hub.keys.reencrypt import Reencryption
from hub.security.principal import PLATFORM
from hub.security.sealed import SEALED
from hub.security.sealing import MasterKeys, key_id
from hub.security.vault import Vault
from hub.settings import MasterKey, load
from tests.conftest import MASTER_KEY
from tests.factories import Hotel
from tests.realtime.conftest import Live, running
from tests.realtime.screens import token_of
from tests.security.guests import Desk, Guest, Person

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection
    from hub.settings import Settings

LOOK = 0.1
NEW_MASTER = MasterKey(kid="new", secret=b"the next master key of the tests")
CLAIM, ORDERS = "/api/v1/devices/claim", "/api/v1/orders"
GUESTS = 250


def quick(settings: Settings, *masters: MasterKey) -> Settings:
    return msgspec.structs.replace(settings, keys_seconds=LOOK, master_keys=masters or (MASTER_KEY,))


@pytest.fixture
async def access(settings: Settings) -> AsyncIterator[Access]:
    async with opened(quick(settings)) as made:
        yield made


@pytest.fixture
async def nodes(settings: Settings) -> AsyncIterator[tuple[Live, Live]]:
    """Two processes' worth of hub."""
    async with running(quick(settings)) as first, running(quick(settings), relay=False) as second:
        yield first, second


def desk(database: Database, hotel: Hotel, *masters: MasterKey) -> Desk:
    """What one process knows of a hotel's keys."""
    keys = MasterKeys(masters or (MASTER_KEY,))
    return Desk(database, Vault(keys, fresh_seconds=LOOK), hotel.tenant_id)


def guest(number: int) -> Guest:
    return Guest(uuid7(), f"Guest {number} 様", f"+81 90-0000-{number:04}")


def person(number: int) -> Person:
    return Person(uuid7(), f"cook{number}@hotel.example", f"SECRET{number}", f"{4710 + number}")


def reencryption(access: Access, **told: Callable[[Any], None]) -> Reencryption:
    return Reencryption(access.database, access.vault, access.master_keys, LOOK, **told)


async def keys_of(admin: Connection, hotel: Hotel) -> list[tuple[str, bool]]:
    rows = await admin.fetch(
        "SELECT purpose, retired_at IS NULL AS used FROM app.data_keys WHERE tenant_id = $1"
        " ORDER BY purpose, created_at",
        hotel.tenant_id,
    )
    return [tuple(row) for row in rows]


async def sealing_keys(admin: Connection, hotel: Hotel) -> set[UUID]:
    """The keys that the texts of a hotel are sealed with."""
    found = set()
    for one in SEALED:
        tenant = "id" if one.table == "tenants" else "tenant_id"
        rows = await admin.fetch(
            f"SELECT {one.column} FROM app.{one.table} WHERE {tenant} = $1 AND {one.column} IS NOT NULL",
            hotel.tenant_id,
        )
        found |= {key_id(row[0]) for row in rows}
    return found


@asynccontextmanager
async def going_on(*works: Callable[[int], Awaitable[object]]) -> AsyncIterator[list[int]]:
    """Each is done again and again inside the block, and at least three times; how often, one by one. The
    first that fails fails the block."""
    done = [0] * len(works)
    stop = asyncio.Event()

    async def repeat(index: int, work: Callable[[int], Awaitable[object]]) -> None:
        for number in count():
            if stop.is_set() and done[index] >= 3:
                return
            await work(number)
            done[index] += 1
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for index, work in enumerate(works):
            group.create_task(repeat(index, work))
        yield done
        stop.set()


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


async def test_data_keys_change_while_people_are_looked_up(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one, other = desk(database, hotel), desk(database, hotel)
    guests = [guest(number) for number in range(GUESTS)]
    people = [person(number) for number in range(4)]
    for somebody in guests:
        await one.write(somebody)
    for somebody_else in people:
        await one.hire(somebody_else)
    before = await sealing_keys(admin, hotel)
    assert len(before) == 1
    newcomers = count(GUESTS)

    async def look_up(number: int) -> None:
        known = guests[number * 37 % len(guests)]
        for reader in (one, other):
            assert await reader.find(known.phone) == known

    async def sign_in(number: int) -> None:
        known = people[number % len(people)]
        for reader in (one, other):
            assert await reader.sign_in(known.email, known.pin) == known

    async def arrive(number: int) -> None:
        """Somebody new; what one process writes the other finds at once."""
        somebody = guest(next(newcomers))
        await (one, other)[number % 2].write(somebody)
        assert await (other, one)[number % 2].find(somebody.phone) == somebody
        guests.append(somebody)

    async def change(number: int) -> None:
        """The same row as re-encryption."""
        index = number * 11 % GUESTS
        guests[index] = msgspec.structs.replace(guests[index], name=f"Changed {number}")
        await (one, other)[number % 2].write(guests[index])

    # `look_up` would compare with what `change` is writing at this moment: they take turns
    async def turns(number: int) -> None:
        await look_up(number)
        await change(number)

    async with going_on(turns, sign_in, arrive), asyncio.timeout(60):
        assert await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
        waited: list[float] = []
        done = await reencryption(access, waiting=waited.append).hotel(hotel.tenant_id)
    assert waited, "it began before every process had learnt of the new keys"
    assert done.left == []
    assert done.rows > GUESTS // 2, "those whom nobody has written again meanwhile"
    after = await sealing_keys(admin, hotel)
    assert len(after) == 1
    assert after != before
    # the first index key stays for the PINs
    assert await keys_of(admin, hotel) == [("field", True), ("index", False), ("index", True)]
    stranger = desk(database, hotel)
    for somebody in guests:
        assert await stranger.find(somebody.phone) == somebody
    again = await reencryption(access).hotel(hotel.tenant_id)
    assert (again.rows, again.removed, again.left) == (0, 0, [])


async def test_it_can_be_stopped_and_begun_again(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one = desk(database, hotel)
    guests = [guest(number) for number in range(GUESTS)]
    for somebody in guests:
        await one.write(somebody)
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    seen = 0

    def stop(count: int) -> None:
        nonlocal seen
        seen += count
        if seen > GUESTS // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await reencryption(access, advance=stop).hotel(hotel.tenant_id)
    assert len(await sealing_keys(admin, hotel)) == 2
    assert await one.find(guests[0].phone) == guests[0]
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert 0 < done.rows < GUESTS, "what was done is not done again"
    assert len(await sealing_keys(admin, hotel)) == 1
    assert await one.find(guests[-1].phone) == guests[-1]


async def test_pins_go_with_their_key_only_when_asked(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one, cook = desk(database, hotel), person(1)
    await one.hire(cook)
    await reencryption(access).hotel(hotel.tenant_id, forget_pins=True)
    assert await one.sign_in(cook.email, cook.pin) == cook, "its key was not even retired"
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    await reencryption(access).hotel(hotel.tenant_id)
    assert await one.sign_in(cook.email, cook.pin) == cook
    await reencryption(access).hotel(hotel.tenant_id, forget_pins=True)
    assert await admin.fetchval("SELECT pin_hash FROM app.staff WHERE id = $1", cook.id) is None
    assert await keys_of(admin, hotel) == [("field", True), ("index", True)]


async def test_a_row_that_cannot_be_opened_is_named_and_keeps_its_key(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    one = desk(database, hotel)
    broken, fine = guest(1), guest(2)
    await one.write(broken)
    await one.write(fine)
    await admin.execute(
        "UPDATE app.stays SET guest_name_encrypted = other.guest_name_encrypted FROM app.stays AS other"
        " WHERE stays.id = $1 AND other.id = $2",
        broken.id,
        fine.id,
    )
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert [left.split(":")[0] for left in done.left] == [f"stays {broken.id}"]
    assert (done.rows, done.removed) == (1, 0)
    assert await one.find(fine.phone) == fine


async def test_two_rows_with_one_address_are_named_and_both_stay(
    access: Access, database: Database, admin: Connection, hotel: Hotel
) -> None:
    """One was written under the old index and the other under the new: the unique index did not see it."""
    one = desk(database, hotel)
    await one.hire(person(1))
    await one.hire(person(2))
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    await reencryption(access).hotel(hotel.tenant_id)
    await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    async with asyncio.timeout(10):  # until the new key is used
        while True:
            twin = msgspec.structs.replace(person(1), id=uuid7())
            try:
                await one.hire(twin)
                break
            except asyncpg.UniqueViolationError:
                await asyncio.sleep(0.01)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert len(done.left) == 1
    assert "same text" in done.left[0]
    assert done.rows == 1
    found = await one.sign_in(person(2).email, person(2).pin)
    assert found is not None
    indexes = [key for key in await keys_of(admin, hotel) if key[0] == "index"]
    assert indexes == [("index", False), ("index", False), ("index", True)], "that of the PINs, and its own"


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


async def test_a_hotel_without_keys_gets_none(access: Access, hotel: Hotel, admin: Connection) -> None:
    assert not await rotation.rotate_data(access.database, access.vault, hotel.tenant_id)
    done = await reencryption(access).hotel(hotel.tenant_id)
    assert (done.rows, done.removed, done.left) == (0, 0, [])
    assert await keys_of(admin, hotel) == []
    with pytest.raises(NotFound, match="no hotel 'nowhere'"):
        await rotation.hotels(access.database, "nowhere")


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
