"""Every kind of bad input gets a clear answer (code, message, field) and leaves nothing half-written."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from hub.db.ids import uuid7
from hub.security.tokens import Tokens
from tests.api.conftest import TOKENS, Api, bearer, problem
from tests.conftest import TOKEN_KEY
from tests.factories import Hotel

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hub.db.pool import Connection

SOUP = "<soup>"


def order(**changes: object) -> dict[str, object]:
    return {"lines": [{"menu_item_id": SOUP, "quantity": 1, **changes}]}


def text(body: object) -> bytes:
    return msgspec.json.encode(body)


@pytest.fixture(autouse=True)
async def nothing_is_written(hotel: Hotel, admin: Connection) -> AsyncIterator[None]:
    tables = ("orders", "order_items", "order_counters", "idempotency", "events")
    counts = " UNION ALL ".join(f"SELECT count(*) FROM app.{table} WHERE tenant_id = $1" for table in tables)
    before = await admin.fetch(counts, hotel.tenant_id)
    yield
    assert await admin.fetch(counts, hotel.tenant_id) == before


BODIES: dict[str, tuple[bytes, str | None]] = {
    "nothing": (b"", None),
    "unfinished": (b"{", None),
    "not json": (b"not json", None),
    "trailing comma": (b'{"age_attested": true,}', None),
    "two values": (b"{} {}", None),
    "NaN": (b'{"lines": NaN}', None),
    "a list": (b"[]", None),
    "null": (b"null", None),
    "a text": (b'"text"', None),
    "byte order mark": (b"\xef\xbb\xbf{}", None),
    "not UTF-8": (b'{"special_requests": "\xff\xfe"}', None),
    "lone surrogate": (b'{"special_requests": "\\ud800"}', None),
    "surrogates the wrong way round": (b'{"special_requests": "\\udc00\\ud800"}', None),
    "nested deeply": (b'{"unknown": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", None),
    "no lines": (text({}), None),
    "empty lines": (text({"lines": []}), "lines"),
    "lines not a list": (text({"lines": {}}), "lines"),
    "a line that is null": (text({"lines": [None]}), "lines[0]"),
    "an empty line": (text({"lines": [{}]}), "lines[0]"),
    "51 lines": (text({"lines": [{"menu_item_id": SOUP, "quantity": 1}] * 51}), "lines"),
    "a price": (text({**order(), "price": 1}), None),
    "none of it": (text(order(quantity=0)), "lines[0].quantity"),
    "less than none": (text(order(quantity=-1)), "lines[0].quantity"),
    "a million": (text(order(quantity=1_000_000)), "lines[0].quantity"),
    "one and a half": (text(order(quantity=1.5)), "lines[0].quantity"),
    "a number in quotes": (text(order(quantity="1")), "lines[0].quantity"),
    "true of it": (text(order(quantity=True)), "lines[0].quantity"),
    "out of range": (text(order(quantity=0)).replace(b":0", b":1e999"), "lines[0].quantity"),
    "5,000 digits": (text(order(quantity=0)).replace(b":0", b":" + b"9" * 5000), "lines[0].quantity"),
    "an id that is none": (text(order(menu_item_id="soup")), "lines[0].menu_item_id"),
    "an id of the wrong type": (text(order(menu_item_id=7)), "lines[0].menu_item_id"),
    "an id with SQL": (text(order(menu_item_id="' OR 1=1 --")), "lines[0].menu_item_id"),
    "a long note": (text(order(note="x" * 201)), "lines[0].note"),
    "NUL in a note": (text(order(note="a\0b")), "lines[0].note"),
    "NUL in the requests": (text({**order(), "special_requests": "\0"}), "special_requests"),
    "long requests": (text({**order(), "special_requests": "x" * 501}), "special_requests"),
    "a total below zero": (text({**order(), "quoted_total": -1}), "quoted_total"),
    "a total in words": (text({**order(), "quoted_total": "free"}), "quoted_total"),
    "an age in words": (text({**order(), "age_attested": "yes"}), "age_attested"),
}


@pytest.mark.parametrize(("body", "field"), BODIES.values(), ids=BODIES)
async def test_a_body_that_is_not_an_order(api: Api, hotel: Hotel, body: bytes, field: str | None) -> None:
    body = body.replace(SOUP.encode(), str(hotel.menu["soup"]).encode())
    problem(await api.post("/api/v1/orders", body, hotel.tablet()), 400, "invalid_input", field)


async def test_malformed_json_names_the_byte(api: Api, hotel: Hotel) -> None:
    answer = await api.post("/api/v1/orders", b'{"lines" []}', hotel.tablet())
    assert "byte 9" in problem(answer, 400, "invalid_input")["detail"]


async def test_an_item_that_does_not_exist(api: Api, hotel: Hotel) -> None:
    body = {
        "lines": [
            {"menu_item_id": hotel.menu["soup"], "quantity": 1},
            {"menu_item_id": uuid7(), "quantity": 1},
        ]
    }
    answer = await api.post("/api/v1/orders", body, hotel.tablet())
    problem(answer, 404, "not_found", "lines[1].menu_item_id")


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_ten_megabytes_are_refused_unread(api: Api, hotel: Hotel, declared: bool) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(160):
            read += 65_536
            yield b" " * 65_536

    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())} | bearer(hotel.tablet())
    if declared:
        headers["Content-Length"] = str(160 * 65_536)
    answer = await api.client.post("/api/v1/orders", content=body(), headers=headers)
    document = problem(answer, 413, "too_large")
    assert document["details"]["limit_bytes"] == 65_536
    assert read == (0 if declared else 2 * 65_536)


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"],
)
async def test_a_body_of_another_type(api: Api, hotel: Hotel, media_type: str | None) -> None:
    headers = {"Idempotency-Key": str(uuid4())} | bearer(hotel.tablet())
    if media_type is not None:
        headers["Content-Type"] = media_type
    answer = await api.client.post("/api/v1/orders", content=b"{}", headers=headers)
    problem(answer, 415, "unsupported_media_type", "Content-Type")


@pytest.mark.parametrize(
    "key", ["", "1", "not-a-uuid", "'; DROP TABLE orders; --", "6e4c7a84-e47d-42bc-afdb"]
)
async def test_an_operation_id_that_is_not_a_uuid(api: Api, hotel: Hotel, key: str) -> None:
    for path, caller in (
        ("/api/v1/orders", hotel.tablet()),
        (f"/api/v1/orders/{uuid7()}/advance", hotel.kitchen()),
        (f"/api/v1/orders/{uuid7()}/cancel", hotel.tablet()),
    ):
        headers = {"Content-Type": "application/json", "Idempotency-Key": key} | bearer(caller)
        answer = await api.client.post(path, content=b"{}", headers=headers)
        problem(answer, 400, "invalid_input", "Idempotency-Key")
        del headers["Idempotency-Key"]
        answer = await api.client.post(path, content=b"{}", headers=headers)
        problem(answer, 400, "invalid_input", "Idempotency-Key")


def bad_credentials() -> Iterator[tuple[str, str | None, str]]:
    yield "none", None, "unauthorized"
    for name, header in {
        "empty": "",
        "no scheme": "secret",
        "basic": "Basic aHViOmh1Yg==",
        "no token": "Bearer ",
        "nonsense": "Bearer nonsense",
        "not ascii": "Bearer \xe9",
        "long": f"Bearer {'x' * 60_000}",
    }.items():
        yield name, header, "unauthorized"


@pytest.mark.parametrize(
    ("header", "code"), [case[1:] for case in bad_credentials()], ids=[case[0] for case in bad_credentials()]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/menu"),
        ("GET", "/api/v1/orders"),
        ("POST", "/api/v1/orders"),
        ("GET", "/api/v1/orders/x"),
    ],
)
async def test_no_token(api: Api, header: str | None, code: str, method: str, path: str) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    answer = await api.client.request(method, path, headers=headers)
    problem(answer, 401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_that_was_good_once(api: Api, hotel: Hotel) -> None:
    old = Tokens((TOKEN_KEY,), 60, now=lambda: 1_600_000_000.0)
    answer = await api.client.get("/api/v1/menu", headers=bearer(hotel.tablet(), old))
    problem(answer, 401, "token_expired")


async def test_a_token_that_was_tampered_with(api: Api, hotel: Hotel, other_hotel: Hotel) -> None:
    mine = bearer(hotel.tablet())["Authorization"].split(".")
    theirs = bearer(other_hotel.kitchen())["Authorization"].split(".")
    forged = ".".join([mine[0], theirs[1], mine[2]])
    problem(await api.client.get("/api/v1/menu", headers={"Authorization": forged}), 401, "unauthorized")


async def test_a_hub_whose_clock_is_five_minutes_ahead_signs_good_tokens(api: Api, hotel: Hotel) -> None:
    ahead = Tokens((TOKEN_KEY,), 900, now=lambda: time.time() + 300)
    answer = await api.client.get("/api/v1/menu", headers=bearer(hotel.tablet(), ahead))
    assert answer.status_code == 200


@pytest.mark.parametrize("order_id", ["x", "1", "%00", "..%2f..", "%F0%9F%8D%9C", "a" * 5000])
async def test_an_order_id_that_is_not_a_uuid(api: Api, hotel: Hotel, order_id: str) -> None:
    answer = await api.get(f"/api/v1/orders/{order_id}", hotel.kitchen())
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "99999999999999999999"}, "limit"),
        ({"status": "delivered"}, "status"),
        ({"after": "not-a-cursor"}, "after"),
        ({"after": "\0"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "_" * 32}, "after"),
        ({"sort": "price"}, None),
    ],
)
async def test_parameters_that_are_wrong(
    api: Api, hotel: Hotel, params: dict[str, str], field: str | None
) -> None:
    answer = await api.client.get("/api/v1/orders", params=params, headers=bearer(hotel.kitchen()))
    problem(answer, 400, "invalid_input", field)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("advance", {}, None),
        ("advance", {"to": "eaten"}, "to"),
        ("advance", {"to": "cooking", "order_id": str(uuid7())}, None),
        ("advance", {"to": "cooking", "expected_version": 0}, "expected_version"),
        ("advance", {"to": "cooking", "expected_version": 2**40}, "expected_version"),
        ("cancel", {"items": []}, "items"),
        ("cancel", {"items": [0]}, "items[0]"),
        ("cancel", {"items": "all"}, "items"),
        ("cancel", {"reason": "x" * 201}, "reason"),
        ("cancel", {"reason": "\0"}, "reason"),
    ],
)
async def test_a_change_that_is_wrong(
    api: Api, hotel: Hotel, path: str, body: dict[str, Any], field: str | None
) -> None:
    answer = await api.post(f"/api/v1/orders/{uuid7()}/{path}", body, hotel.kitchen())
    problem(answer, 400, "invalid_input", field)


async def test_a_token_for_a_tenant_that_does_not_exist_is_nobodys(api: Api, hotel: Hotel) -> None:
    nobody = msgspec.structs.replace(hotel.kitchen(), tenant_id=UUID(int=7))
    problem(await api.get("/api/v1/orders", nobody), 401, "unauthorized")
    problem(await api.get("/api/v1/menu", nobody), 401, "unauthorized")


async def test_hostile_headers_change_nothing(api: Api, hotel: Hotel) -> None:
    for hostile in ("'; DROP TABLE app.orders; --", "\\'); SELECT 1", '"', "a;b", "\xff\xfe"):
        names = (
            "User-Agent",
            "X-Request-Id",
            "X-Forwarded-For",
            "Accept-Language",
            "Cookie",
            "If-None-Match",
        )
        headers: dict[str, Any] = dict.fromkeys(names, hostile.encode("latin-1"))
        answer = await api.client.get("/api/v1/orders", headers=headers | bearer(hotel.kitchen(), TOKENS))
        assert answer.status_code == 200


async def test_a_client_that_goes_away_in_its_body(app: Starlette, hotel: Hotel) -> None:
    sent: list[Any] = []
    messages = iter(
        [{"type": "http.request", "body": b'{"lines"', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"content-type": "application/json", "idempotency-key": str(uuid4())} | bearer(hotel.tablet())
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/orders",
        "raw_path": b"/api/v1/orders",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert httpx.Headers(sent[0]["headers"])["content-type"] == "application/problem+json"
