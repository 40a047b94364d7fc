"""Codes and phones in the wrong hands: guessed, replayed, kept for later, or another hotel's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.app import open_hub
from hub.documents import openapi_document
from hub.security.credentials import new_secret
from hub.security.tokens import Tokens
from tests.api.conftest import Api, bearer, problem
from tests.conftest import TOKEN_KEY
from tests.factories import Hotel, make_staff
from tests.realtime.peer import peer
from tests.security.generated import Maker, ids_of, routes

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from hub.settings import Settings
    from tests.realtime.conftest import Live

TOKENS: Final = Tokens((TOKEN_KEY,), 900)
OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
CALLS: Final = [call for call in routes(OPENAPI) if "phone" in (call.actors or ())]
CLAIM, TOKEN = "/api/v1/devices/claim", "/api/v1/devices/token"


@pytest.fixture
async def front(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "front")


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Api]:
    """A hub that lets an address try five codes a minute."""
    changed = msgspec.structs.replace(settings, namespace=f"n{uuid4().hex}", limit_claim_ip="5/minute")
    async with open_hub(changed) as hub:
        transport = httpx.ASGITransport(hub.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            yield Api(client)


async def code(api: Api, front: Principal, hotel: Hotel, room: int = 0) -> str:
    answer = await api.post(f"/api/v1/stays/{hotel.rooms[room].stay_id}/phone-code", {}, front)
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url.partition("=")[2]


async def claimed(api: Api, front: Principal, hotel: Hotel, room: int = 0) -> dict[str, Any]:
    answer = await api.post(CLAIM, {"code": await code(api, front, hotel, room)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_guesses_are_stopped_and_a_right_one_after_them_too(
    limited: Api, hotel: Hotel, front: Principal
) -> None:
    right = await code(limited, front, hotel)
    answers = await asyncio.gather(*(limited.post(CLAIM, {"code": new_secret()}) for _ in range(20)))
    found = [answer.status_code for answer in answers]
    assert (found.count(401), found.count(429)) == (5, 15)
    problem(await limited.post(CLAIM, {"code": right}), 429, "rate_limited")


async def test_of_many_who_have_photographed_a_code_one_comes_in(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    seen = await code(api, front, hotel)
    answers = await asyncio.gather(*(api.post(CLAIM, {"code": seen}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    told = {answer.content for answer in answers if answer.status_code == 401}
    never = (await api.post(CLAIM, {"code": new_secret()})).json()
    assert {json.loads(one)["detail"] for one in told} == {never["detail"]}, "used or unknown: the same words"
    count = await admin.fetchval(
        "SELECT count(*) FROM app.device_rooms WHERE stay_id = $1", hotel.rooms[0].stay_id
    )
    assert count == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app.pairing_codes SET expires_at = now() - interval '1 second' WHERE stay_id = $1",
        "UPDATE app.stays SET ended_at = now() WHERE id = $1",
        "UPDATE app.stays SET room_number = '997' WHERE id = $1",
        "UPDATE app.stays SET ended_at = now(), room_number = '997' WHERE id = $1",
        "WITH gone AS (UPDATE app.stays SET ended_at = now() WHERE id = $1 RETURNING tenant_id)"
        " UPDATE app.tenants SET name = name WHERE id = (SELECT tenant_id FROM gone)",
    ],
)
async def test_a_code_that_was_kept_for_later(
    api: Api, hotel: Hotel, front: Principal, admin: Connection, change: str
) -> None:
    kept = await code(api, front, hotel)
    await admin.execute(change, hotel.rooms[0].stay_id)
    answer = problem(await api.post(CLAIM, {"code": kept}), 401, "unauthorized", "code")
    never = problem(await api.post(CLAIM, {"code": new_secret()}), 401, "unauthorized", "code")
    assert answer["detail"] == never["detail"]
    found = await admin.fetchval(
        "SELECT count(*) FROM app.device_rooms WHERE tenant_id = $1 AND device_type = 'phone'",
        hotel.tenant_id,
    )
    assert found == 0


async def test_a_code_comes_back_to_life_for_nobody(
    api: Api, hotel: Hotel, front: Principal, admin: Connection
) -> None:
    """A check-out that was a mistake is taken back by hand; what was invited before is over all the same."""
    kept, phone = await code(api, front, hotel), await claimed(api, front, hotel)
    stay = hotel.rooms[0].stay_id
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", stay)
    await admin.execute("UPDATE app.stays SET ended_at = NULL WHERE id = $1", stay)
    problem(await api.post(CLAIM, {"code": kept}), 401, "unauthorized", "code")
    answer = await api.post(TOKEN, {"credential": phone["credential"]})
    assert problem(answer, 403, "forbidden")["details"] == {"device_status": "retired"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("change", ["ended_at = now()", "room_number = '997'"])
async def test_a_phone_that_was_kept_opens_nothing(
    api: Api, hotel: Hotel, admin: Connection, call: Any, change: str
) -> None:
    """Every route that a phone may use, with a token that is good for minutes yet."""
    phone = await hotel.phone(admin)
    ids = await ids_of(admin, {"stays": "tenant_id", "orders": "tenant_id", "menu_items": "tenant_id"},
                       hotel.tenant_id)  # fmt: skip
    ids.tables["orders"] = ids.tables["orders"] or [uuid4()]
    await admin.execute(f"UPDATE app.stays SET {change} WHERE id = $1", hotel.rooms[0].stay_id)
    asked = Maker(OPENAPI, ids, call.name).ask(call)
    body = {} if call.body is None else {"json": asked.body}
    headers = {name: value for name, value in asked.headers.items() if name != "Last-Event-ID"}
    url = asked.url.partition("?")[0]
    answer = await api.client.request(call.method, url, headers=headers | bearer(phone), **body)
    problem(answer, 401, "unauthorized")


async def test_nor_does_its_socket(live: Live, hotel: Hotel, admin: Connection) -> None:
    phone = await hotel.phone(admin)
    await admin.execute("UPDATE app.stays SET ended_at = now() WHERE id = $1", hotel.rooms[0].stay_id)
    async with peer(live) as late:
        await late.send({"type": "hello", "token": TOKENS.issue(phone)[0]})
        assert (await late.end()).code == 4503
        assert {frame["type"] for frame in late.frames} <= {"welcome", "bye"}


async def test_a_credential_is_good_for_its_own_phone(
    api: Api, hotel: Hotel, other_hotel: Hotel, front: Principal
) -> None:
    mine, other = await claimed(api, front, hotel), await claimed(api, front, hotel, room=1)
    tenant, _, secret = mine["credential"].split(".")
    for device in (UUID(other["device_id"]), hotel.rooms[0].tablet_id, hotel.kitchen_id):
        answer = await api.post(TOKEN, {"credential": f"{tenant}.{device.hex}.{secret}"})
        problem(answer, 401, "unauthorized", "credential")
    stolen = f"{other_hotel.tenant_id.hex}.{UUID(mine['device_id']).hex}.{secret}"
    problem(await api.post(TOKEN, {"credential": stolen}), 401, "unauthorized", "credential")


async def test_a_phone_says_it_is_a_tablet(api: Api, hotel: Hotel, admin: Connection) -> None:
    """Even under the hub's own signature: the database knows what it is, and where."""
    phone = await hotel.phone(admin)
    for lie in (
        msgspec.structs.replace(phone, kind="tablet"),
        msgspec.structs.replace(phone, kind="kitchen"),
        msgspec.structs.replace(phone, room_number="102"),
        msgspec.structs.replace(phone, id=hotel.rooms[0].tablet_id),
        msgspec.structs.replace(phone, access_version=7),
    ):
        problem(await api.get("/api/v1/orders", lie), 401, "unauthorized")


async def test_a_neighbours_stay_in_the_token(live: Live, hotel: Hotel, admin: Connection) -> None:
    """A socket that names another stay than its phone's is refused."""
    lie = msgspec.structs.replace(await hotel.phone(admin), stay_id=hotel.rooms[1].stay_id)
    async with peer(live) as screen:
        await screen.send({"type": "hello", "token": TOKENS.issue(lie)[0]})
        assert (await screen.end()).code == 4503


async def test_the_code_stands_nowhere(api: Api, hotel: Hotel, front: Principal, admin: Connection) -> None:
    kept = await code(api, front, hotel)
    phone = await claimed(api, front, hotel)
    secret = phone["credential"].rpartition(".")[2]
    tables = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
    )
    for (table,) in tables:
        text = await admin.fetchval(f"SELECT string_agg(t::text, '') FROM app.{table} AS t") or ""
        assert kept not in text, table
        assert secret not in text, table
    written = await admin.fetchval(
        "SELECT new::text FROM app.audit_logs WHERE tenant_id = $1 AND table_name = 'pairing_codes'"
        " AND operation = 'insert' ORDER BY created_at DESC LIMIT 1",
        hotel.tenant_id,
    )
    assert msgspec.json.decode(written)["code_hash"] == "[redacted]"
