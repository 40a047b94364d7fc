"""Broken authorization, on every route and every command that the hub's descriptions name: who has no token
gets nowhere, who lacks the permission neither, and the ids of another hotel are ids of nobody."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import msgspec
import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from hub.documents import asyncapi_document, openapi_document
from hub.web.endpoint import Endpoint
from tests.database.strangers import Two, fingerprint
from tests.realtime.peer import peer
from tests.realtime.screens import token_of
from tests.security.callers import SUPER_ADMIN, forgeries
from tests.security.generated import Asked, Call, Ids, Maker, commands, ids_of, proofs, routes

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.realtime.conftest import Live

PUBLIC: Final = {
    "POST /api/v1/devices/claim": "who comes with a pairing code has no token yet",
    "POST /api/v1/devices/token": "who comes with a credential has no token any more",
    "POST /api/v1/devices/rotate": "the credential itself proves who asks",
    "POST /api/v1/devices/wiped": "the credential itself proves who asks",
    "POST /api/v1/devices/pairing": "a screen without a hotel begins here",
    "POST /api/v1/devices/pairing/poll": "the screen's secret proves who asks",
    "POST /api/v1/staff/session": "e-mail and password prove who asks",
    "POST /api/v1/staff/session/refresh": "the refresh token proves who asks",
    "POST /api/v1/staff/password/forgot": "who has forgotten the password cannot sign in",
    "POST /api/v1/staff/password/reset": "the code of a letter proves who asks",
    "POST /api/v1/staff/email/verify": "the code of a letter proves who asks",
    "GET /api/v1/hotel": "the page to sign in says whose it is",
    "GET /api/v1/files/{hotel_id}/{file_id}": "pictures of dishes, on pages that nobody signs in to",
}
# Addresses that no document describes, and why anybody may ask them.
UNDESCRIBED: Final = {
    "/livez": "a balancer asks, and learns one word",
    "/readyz": "a balancer asks, and learns which parts are well",
    "/api/openapi.json": "the description holds nothing of a hotel",
    "/api/asyncapi.json": "the description holds nothing of a hotel",
    "/tablet": "a page without data",
    "/kitchen": "a page without data",
    "/staff": "a page without data",
    "/static": "what the pages load",
    "/ws": "its first frame must bring the token",
}
ROUNDS: Final = 4
OPENAPI: Final[dict[str, Any]] = json.loads(openapi_document())
ASYNCAPI: Final[dict[str, Any]] = json.loads(asyncapi_document())
ROUTES: Final = list(routes(OPENAPI))
COMMANDS: Final = list(commands(ASYNCAPI))
GUARDED: Final = [call for call in ROUTES if not call.public]
# What the hub makes anew for each answer.
_MADE: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"
)


def called(call: Call) -> str:
    return call.name


def maker(call: Call, ids: Ids, seed: object) -> Maker:
    return Maker(OPENAPI if call.path else ASYNCAPI, ids, f"{call.name} {seed}")


@pytest.fixture(scope="module")
async def ours(admin: Connection, two: Two) -> Ids:
    return await ids_of(admin, two.owners, two.ours.tenant_id)


@pytest.fixture(scope="module")
async def theirs(admin: Connection, two: Two) -> Ids:
    return await ids_of(admin, two.owners, two.theirs.tenant_id)


class Hub:
    """Sends what was made, over HTTP or the socket, as one of our callers."""

    def __init__(self, live: Live, web: httpx.AsyncClient) -> None:
        self.live = live
        self.web = web

    async def send(self, asked: Asked, proof: dict[str, str]) -> httpx.Response:
        """The answer over HTTP; `proof` are the headers that say who asks."""
        headers = asked.headers | proof
        body = {} if asked.call.body is None else {"json": asked.body}
        return await self.web.request(asked.call.method, asked.url, headers=headers, **body)

    async def outcome(self, asked: Asked, principal: Principal | None) -> tuple[int, Any]:
        """Status and body of the answer, or of what the reply to a command would be over HTTP."""
        if asked.call.path:
            proof = {} if principal is None else {"Authorization": f"Bearer {token_of(principal)}"}
            answer = await self.send(asked, proof)
            return answer.status_code, answer.json()
        assert principal is not None
        async with peer(self.live) as screen:
            await screen.hello(principal)
            reply = await screen.ask(asked.call.name, asked.body)
        return (200, reply["result"]) if reply["ok"] else (400, reply["error"])


@pytest.fixture(scope="module")
def hub(live: Live, web: httpx.AsyncClient) -> Hub:
    return Hub(live, web)


async def state_of_both(admin: Connection, two: Two) -> list[dict[str, str]]:
    """What stands in the rows of both hotels. A refusal may be noted in our audit; and whoever comes over a
    socket to be refused has been seen, which is written down a little later, and told when it was silent.
    Every other event is of a row that is compared."""
    mine = await fingerprint(admin, msgspec.structs.replace(two, theirs=two.ours))
    mine.pop("audit_logs", None)
    for name in ("device_presence", "events", "tenant_heads"):
        mine.pop(name)
    return [mine, await fingerprint(admin, two)]


def to_nobody(two: Two, asked: Asked) -> Asked:
    """The same request with ids of nobody in place of theirs, under an operation id of its own."""
    moved = two.to_nobody([asked.url, asked.headers, asked.body])
    assert isinstance(moved, list)
    url, headers, body = moved
    if asked.call.once:
        headers["Idempotency-Key"] = str(uuid4())
    return Asked(asked.call, url, headers, body)


def known_form(value: Any, kept: set[str]) -> Any:
    """JSON text of `value` without what is made anew each time; ids in `kept` stay."""
    return _MADE.sub(lambda found: found[0] if found[0] in kept else "new", json.dumps(value, sort_keys=True))


def told_unasked(two: Two, asked: Asked, answer: Any) -> set[str]:
    """Ids of theirs in the answer that we did not name."""
    known = {str(value) for value in two.all_ids()}
    return (known - asked.ids()) & set(_MADE.findall(json.dumps(answer)))


def allowed(call: Call, everybody: dict[str, Principal]) -> dict[str, Principal | None]:
    """Those of our hotel who may call; where the description does not say, everybody who has a token. A
    super-admin belongs to no hotel."""
    if call.public:
        return {"nobody": None}
    return {
        name: who
        for name, who in everybody.items()
        if name != SUPER_ADMIN and (call.actors is None or name in call.actors)
    }


# what is public, and who is known


def test_what_is_public_is_meant_to_be() -> None:
    assert {call.name for call in ROUTES if call.public} == set(PUBLIC)


async def test_what_no_document_describes_is_meant_to_be(live: Live) -> None:
    def address(route: BaseRoute) -> str:
        assert isinstance(route, Route | Mount | WebSocketRoute)
        return route.path

    found = live.hub.app.routes
    assert {address(route) for route in found if not isinstance(route, Endpoint)} == set(UNDESCRIBED)
    described = {call.path for call in ROUTES}
    assert {address(route) for route in found if isinstance(route, Endpoint)} == described


async def test_every_kind_of_caller_is_tried(everybody: dict[str, Principal]) -> None:
    named = {actor for call in (*ROUTES, *COMMANDS) for actor in call.actors or ()}
    assert named <= set(everybody)


# without a token


@pytest.mark.parametrize("call", GUARDED, ids=called)
async def test_a_route_without_a_good_token(
    hub: Hub, admin: Connection, two: Two, ours: Ids, everybody: dict[str, Principal], call: Call
) -> None:
    before = await state_of_both(admin, two)
    asked = maker(call, ours, "forged").ask(call)
    for principal in everybody.values():
        forged = [
            (kind, proof) for kind, token in forgeries(principal).items() for proof in proofs(OPENAPI, token)
        ]
        for kind, proof in [("none", {}), *forged]:
            answer = await hub.send(asked, proof)
            wanted = "token_expired" if kind == "expired" else "unauthorized"
            assert (answer.status_code, answer.json()["code"]) == (401, wanted), f"{kind} {proof.keys()}"
            assert "www-authenticate" in answer.headers
    assert await state_of_both(admin, two) == before


async def test_a_socket_without_a_good_token(live: Live, everybody: dict[str, Principal]) -> None:
    for principal in everybody.values():
        for kind, token in forgeries(principal).items():
            async with peer(live) as screen:
                await screen.send({"type": "hello", "token": token})
                assert (await screen.end()).code == (4005 if kind == "expired" else 4500), kind
            async with peer(live) as screen:
                await screen.hello(principal)
                await screen.send({"type": "refresh", "token": token})
                assert (await screen.end()).code == (4005 if kind == "expired" else 4500), kind


@pytest.mark.parametrize("call", COMMANDS, ids=called)
async def test_a_command_before_the_token(
    live: Live, admin: Connection, two: Two, ours: Ids, call: Call
) -> None:
    before = await state_of_both(admin, two)
    body = maker(call, ours, "early").ask(call).body
    frame = {"type": "command", "id": 1, "name": call.name, "op_id": str(uuid4()), "args": body}
    async with peer(live) as screen:
        await screen.send(frame)
        assert (await screen.end()).code == 4502
    assert await state_of_both(admin, two) == before


# without the permission


@pytest.mark.parametrize("call", [*GUARDED, *COMMANDS], ids=called)
async def test_without_the_permission(
    hub: Hub, admin: Connection, two: Two, ours: Ids, everybody: dict[str, Principal], call: Call
) -> None:
    before = await state_of_both(admin, two)
    for name, principal in everybody.items():
        if call.actors is not None and name not in call.actors:
            asked = maker(call, ours, "denied").ask(call)
            status, answer = await hub.outcome(asked, principal)
            assert answer.get("code") == "forbidden", f"{name}: {answer}"
            assert status == (403 if call.path else 400)
    assert await state_of_both(admin, two) == before


# with the ids of another hotel


@pytest.mark.parametrize("call", [*ROUTES, *COMMANDS], ids=called)
async def test_their_ids_are_ids_of_nobody(
    hub: Hub, admin: Connection, two: Two, theirs: Ids, everybody: dict[str, Principal], call: Call
) -> None:
    before = await fingerprint(admin, two)
    known = {str(value) for value in two.all_ids()}
    for name, principal in allowed(call, everybody).items():
        for number in range(ROUNDS):
            asked = maker(call, theirs, f"{name} {number}").ask(call)
            status, answer = await hub.outcome(asked, principal)
            assert call.public or (number, status) != (0, 401), "the caller is nobody"
            assert not told_unasked(two, asked, answer)
            if not asked.ids() & known:
                continue
            nobody = to_nobody(two, asked)
            other_status, other = await hub.outcome(nobody, principal)
            kept = nobody.ids()
            assert status == other_status
            assert known_form(two.to_nobody(answer), kept) == known_form(other, kept)
    assert await fingerprint(admin, two) == before


@pytest.mark.parametrize("call", [*ROUTES, *COMMANDS], ids=called)
async def test_their_ids_among_ours(
    hub: Hub, admin: Connection, two: Two, ours: Ids, theirs: Ids, everybody: dict[str, Principal], call: Call
) -> None:
    """One id of ours opens no door for one of theirs beside it."""
    before = await fingerprint(admin, two)
    both = Ids({table: [*ours.tables[table], *values] for table, values in theirs.tables.items()})
    for name, principal in allowed(call, everybody).items():
        for number in range(ROUNDS):
            asked = maker(call, both, f"{name} mixed {number}").ask(call)
            _, answer = await hub.outcome(asked, principal)
            assert not told_unasked(two, asked, answer)
    assert await fingerprint(admin, two) == before
