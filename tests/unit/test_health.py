from __future__ import annotations

import anyio
import httpx
import pytest

from hub.ops import health as module
from hub.ops.health import Check, Health, routes
from hub.web.site import site


async def well() -> None:
    pass


async def ill() -> None:
    raise OSError("no route to 10.0.0.7, password canary")


async def hangs() -> None:
    await anyio.sleep_forever()


async def ask(health: Health, path: str = "/readyz") -> httpx.Response:
    transport = httpx.ASGITransport(site(routes(health)))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        return await client.get(path)


async def test_alive_is_alive_whatever_is_missing() -> None:
    answer = await ask(Health([Check("database", ill)]), "/livez")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("checks", "status", "state"),
    [
        ([Check("database", well), Check("broker", well, required=False)], 200, "ready"),
        ([Check("database", well), Check("broker", ill, required=False)], 200, "degraded"),
        ([Check("database", ill), Check("broker", well, required=False)], 503, "unavailable"),
        ([Check("database", hangs), Check("broker", ill, required=False)], 503, "unavailable"),
    ],
    ids=["all well", "without Redis", "without PostgreSQL", "PostgreSQL hangs"],
)
async def test_ready(checks: list[Check], status: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    answer = await ask(Health(checks))
    assert (answer.status_code, answer.json()["status"]) == (status, state)
    assert answer.json()["checks"] == {check.name: check.probe is well for check in checks}
    assert "canary" not in answer.text


async def test_who_is_leaving_is_not_ready() -> None:
    health = Health([Check("database", well)])
    health.drain()
    answer = await ask(health)
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")


async def test_many_questions_are_one_check() -> None:
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    health = Health([Check("database", count)])
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(health.readiness)
    assert asked == 1
