"""Health for whoever watches: /livez says that the event loop turns, /readyz whether to send clients here.

The application brings the checks. Without what is required the answer is 503 and a balancer looks elsewhere;
without the rest the hub is degraded and serves: without Redis the screens are live, only a little later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import anyio
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hub.web.endpoint import reply

CHECK_SECONDS: Final = 2.0
# The address is public: however often it is asked, the checks run no more often than this.
_FRESH_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)

State: TypeAlias = Literal["ready", "degraded", "unavailable", "draining"]


class Check(Struct, frozen=True):
    """`probe` returns when all is well and raises when it is not."""

    name: str
    probe: Callable[[], Awaitable[None]]
    required: bool = True


class Readiness(Struct, frozen=True):
    """The state, and per check whether it is well; why it is not stands in the log."""

    status: State
    checks: dict[str, bool]


class Health:
    """Runs the checks of one process."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._draining = False
        self._last: tuple[float, Readiness] | None = None
        self._one = asyncio.Lock()

    def drain(self) -> None:
        """From now on this process is not ready: it is leaving."""
        self._draining = True

    async def readiness(self) -> Readiness:
        async with self._one:
            if self._last is None or time.monotonic() - self._last[0] > _FRESH_SECONDS:
                readiness = await self._ask()
                self._last = (time.monotonic(), readiness)
            readiness = self._last[1]
        return Readiness("draining", readiness.checks) if self._draining else readiness

    async def _ask(self) -> Readiness:
        well: dict[str, bool] = {}

        async def ask(check: Check) -> None:
            try:
                with anyio.fail_after(CHECK_SECONDS):
                    await check.probe()
                well[check.name] = True
            except Exception as error:  # noqa: BLE001 - whatever a probe raises, it is not well
                well[check.name] = False
                _log.warning("check failed", extra={"check": check.name, "reason": repr(error)})

        async with anyio.create_task_group() as group:
            for check in self._checks:
                group.start_soon(ask, check)
        failed = [check for check in self._checks if not well[check.name]]
        status: State = "ready"
        if failed:
            status = "unavailable" if any(check.required for check in failed) else "degraded"
        return Readiness(status, {check.name: well[check.name] for check in self._checks})


def routes(health: Health) -> list[Route]:
    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def readyz(_: Request) -> Response:
        readiness = await health.readiness()
        serving = readiness.status in ("ready", "degraded")
        return reply(readiness, HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE)

    return [
        Route("/livez", livez, methods=["GET"], name="livez"),
        Route("/readyz", readyz, methods=["GET"], name="readyz"),
    ]
