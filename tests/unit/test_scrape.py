"""Who gets the metrics, and what everybody else gets."""

from __future__ import annotations

import httpx
import pytest

from hub.web.scrape import scrape

TOKEN = "a token of 16 or more"
OPEN = "application/openmetrics-text"


async def text(accept: str) -> tuple[bytes, str]:
    return b"hub_workers 1\n", OPEN if accept == OPEN else "text/plain"


async def ask(
    path: str = "/metrics", method: str = "GET", token: str | None = None, **headers: str
) -> httpx.Response:
    transport = httpx.ASGITransport(scrape(text, token))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        octets = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        return await client.request(method, path, headers=octets)


async def test_the_format_that_is_asked_for() -> None:
    answer = await ask()
    assert (answer.status_code, answer.text) == (200, "hub_workers 1\n")
    assert answer.headers["content-type"] == "text/plain"
    assert (await ask(Accept=OPEN)).headers["content-type"] == OPEN


async def test_nothing_that_a_browser_could_use() -> None:
    answer = await ask(Origin="https://evil.example")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/x", "/livez", "/api/openapi.json", "/tablet"])
async def test_nothing_else_is_there(path: str) -> None:
    answer = await ask(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_done(method: str) -> None:
    assert (await ask(method=method)).status_code == 405


@pytest.mark.parametrize(
    "brought",
    ["", TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"],
)
async def test_without_the_token_nothing_is_told(brought: str) -> None:
    answer = await ask(token=TOKEN, Authorization=brought)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "hub_workers" not in answer.text


async def test_with_the_token() -> None:
    assert (await ask(token=TOKEN, Authorization=f"Bearer {TOKEN}")).status_code == 200
