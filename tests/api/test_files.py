"""Pictures over HTTP: kept for what they are, shown to anybody, counted against the plan."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import pytest

from hub.db.ids import uuid7
from hub.tenants.files import MOST_BYTES, sniff
from tests.api.conftest import Api, bearer, problem
from tests.factories import Hotel, make_staff

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal

FILES = "/api/v1/files"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(32)
JPEG = b"\xff\xd8\xff\xe0" + bytes(32)
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + bytes(32)
AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(32)
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture
async def editor(admin: Connection, hotel: Hotel) -> Principal:
    return await make_staff(admin, hotel, "menu_editor")


async def keep(
    api: Api, content: bytes, as_: Principal | None, media: str = "image/png", **params: str
) -> httpx.Response:
    headers = {"Content-Type": media} | bearer(as_)
    return await api.client.post(FILES, content=content, headers=headers, params=params)


@pytest.mark.parametrize(
    ("content", "media"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp"), (AVIF, "image/avif")],
)
async def test_a_picture_is_what_its_bytes_say(
    api: Api, editor: Principal, content: bytes, media: str
) -> None:
    answer = await keep(api, content, editor, media="text/html", name="スープ.png")
    assert answer.status_code == 201, answer.text
    kept = answer.json()
    assert (kept["media_type"], kept["bytes"]) == (media, len(content))
    # for anybody who knows its address
    shown = await api.client.get(kept["url"])
    assert (shown.status_code, shown.content) == (200, content)
    assert shown.headers["content-type"] == media
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert shown.headers.get_list("x-content-type-options") == ["nosniff"]
    assert shown.headers.get_list("content-security-policy") == ["default-src 'none'; sandbox"]


@pytest.mark.parametrize(
    "content",
    [
        HTML,
        b"GIF89a" + bytes(32),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n" + HTML,
        b"\0\0\0\x1cftypmp42\0\0\0\0isommp42" + bytes(32),
        b"RIFF\x24\0\0\0WAVE",
        b"\xff\xd8",
        b"avif",
        b"\xff\xff\xff\xffftyp" + b"mp42" * 100 + b"avif",
    ],
)
async def test_nothing_but_pictures(api: Api, admin: Connection, editor: Principal, content: bytes) -> None:
    assert sniff(content) is None
    problem(await keep(api, content, editor), 415, "unsupported_media_type")
    count = "SELECT count(*) FROM app.files WHERE tenant_id = $1"
    assert await admin.fetchval(count, editor.tenant_id) == 0


async def test_bad_uploads(api: Api, editor: Principal) -> None:
    problem(await keep(api, b"", editor), 400, "invalid_input")
    problem(await keep(api, PNG, editor, name=""), 400, "invalid_input", "name")
    problem(await keep(api, PNG, editor, name="a\u202eb"), 400, "invalid_input", "name")
    problem(await keep(api, PNG, editor, name="a\0b"), 400, "invalid_input", "name")
    problem(await keep(api, PNG, editor, size="1"), 400, "invalid_input")
    full = await keep(api, PNG.ljust(MOST_BYTES, b"\0"), editor)
    assert full.status_code == 201
    too_large = await keep(api, PNG.ljust(MOST_BYTES + 1, b"\0"), editor)
    assert problem(too_large, 413, "too_large")["details"] == {"limit_bytes": MOST_BYTES}


async def test_a_deleted_picture_is_gone_and_frees_its_place(
    api: Api, admin: Connection, editor: Principal
) -> None:
    await admin.execute("UPDATE app.tenants SET storage_limit = $2 WHERE id = $1", editor.tenant_id, len(PNG))
    kept = (await keep(api, PNG, editor)).json()
    document = problem(await keep(api, JPEG, editor), 409, "limit_reached")
    assert document["details"] == {
        "limit": "storage",
        "allowed": len(PNG),
        "used": len(PNG) + len(JPEG),
    }
    gone = await api.client.delete(f"{FILES}/{kept['id']}", headers=bearer(editor))
    assert gone.json() == {"id": kept["id"]}
    problem(await api.client.get(kept["url"]), 404, "not_found", "file_id")
    again = await api.client.delete(f"{FILES}/{kept['id']}", headers=bearer(editor))
    problem(again, 404, "not_found", "file_id")
    assert (await keep(api, PNG, editor)).status_code == 201


async def test_of_twenty_at_once_one_gets_the_last_place(
    api: Api, admin: Connection, editor: Principal
) -> None:
    await admin.execute(
        "UPDATE app.tenants SET storage_limit = $2 WHERE id = $1", editor.tenant_id, 3 * len(PNG)
    )
    for _ in range(2):
        await keep(api, PNG, editor)
    answers = await asyncio.gather(*(keep(api, PNG, editor) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    used = "SELECT sum(octet_length(content)) FROM app.files WHERE tenant_id = $1"
    assert await admin.fetchval(used, editor.tenant_id) == 3 * len(PNG)


async def test_a_picture_is_its_hotels(
    api: Api, admin: Connection, editor: Principal, hotel: Hotel, other_hotel: Hotel
) -> None:
    kept = (await keep(api, PNG, editor)).json()
    stranger = await make_staff(admin, other_hotel, "manager")
    answer = await api.client.delete(f"{FILES}/{kept['id']}", headers=bearer(stranger))
    problem(answer, 404, "not_found", "file_id")
    answer = await api.client.get(f"{FILES}/{other_hotel.tenant_id}/{kept['id']}")
    problem(answer, 404, "not_found", "file_id")
    problem(await api.client.get(f"{FILES}/{UUID(int=0)}/{uuid7()}"), 404, "not_found", "file_id")
    problem(await api.client.get(f"{FILES}/x/{kept['id']}"), 400, "invalid_input", "hotel_id")
    for principal in (hotel.tablet(), hotel.kitchen(), await make_staff(admin, hotel, "front")):
        assert (await keep(api, PNG, principal)).status_code == 403
    assert (await keep(api, PNG, None)).status_code == 401
    assert (await api.client.get(kept["url"])).status_code == 200
    # a hotel that is closed shows nothing
    await admin.execute("UPDATE app.tenants SET status = 'suspended' WHERE id = $1", hotel.tenant_id)
    problem(await api.client.get(kept["url"]), 404, "not_found", "file_id")
