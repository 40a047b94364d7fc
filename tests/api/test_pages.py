from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.requests import Request

from hub.errors import HubError
from hub.resources import static_directory
from hub.web.endpoint import Endpoint, Spec
from hub.web.headers import HEADERS
from hub.web.problems import Problem
from hub.web.site import site
from tests.api.conftest import Api, problem

if TYPE_CHECKING:
    from pathlib import Path


def modules() -> list[Path]:
    return sorted(static_directory().rglob("*.js"))


@pytest.mark.parametrize("path", ["/tablet", "/kitchen", "/staff"])
async def test_a_page_is_kept_and_asked_for_again(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = await api.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


async def test_a_module_has_the_type_that_browsers_ask_for(api: Api) -> None:
    for path in modules():
        answer = await api.get(f"/static/{path.relative_to(static_directory()).as_posix()}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_a_picture_is_kept_and_asked_for_again(api: Api) -> None:
    answer = await api.get("/static/art/dishes/soup-onion.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    same = {"If-None-Match": answer.headers["etag"]}
    assert (await api.client.get("/static/art/dishes/soup-onion.svg", headers=same)).status_code == 304


async def test_every_answer_carries_the_security_headers(api: Api) -> None:
    for path in ("/tablet", "/static/hub.js", "/api/v1/menu", "/nowhere", "/api/openapi.json"):
        answer = await api.get(path)
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode(), path
        assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "/api",
        "/api/v1/menu/",
        "/tablet/",
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static//etc/passwd",
        "/static/a%00b",
        "/static/" + "x" * 5000,
        "/%ff",
    ],
)
async def test_an_unknown_address(api: Api, path: str) -> None:
    problem(await api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/api/v1/menu"), ("PUT", "/tablet"), ("POST", "/static/hub.js")]
)
async def test_an_unknown_method(api: Api, method: str, path: str) -> None:
    answer = await api.client.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(("kind", "version"), [("openapi", "3.1.0"), ("asyncapi", "3.0.0")])
async def test_the_descriptions_are_served(api: Api, kind: str, version: str) -> None:
    answer = await api.get(f"/api/{kind}.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()[kind] == version
    headers = {"If-None-Match": answer.headers["etag"]}
    assert (await api.client.get(f"/api/{kind}.json", headers=headers)).status_code == 304


@pytest.mark.parametrize("error", [RuntimeError("the secret is 1234"), HubError("bare")])
async def test_a_bug_shows_nothing_of_the_inside(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Request) -> Problem:
        raise error

    spec = Spec(name="broken", summary="Fails", tag="test", result=Problem)
    app = site([Endpoint("GET", "/broken", broken, spec)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        document = problem(await client.get("/broken"), 500, "internal")
    if isinstance(error, RuntimeError):
        assert "1234" not in str(document)
        [record] = [record for record in caplog.records if record.message == "request failed"]
        assert vars(record)["reference"] == document["details"]["reference"]
