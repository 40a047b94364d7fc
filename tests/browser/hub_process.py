"""A real hub in a process of its own, to be opened in a browser, killed and started again."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from hub.demo.hotel import KITCHEN, new_codes, open_hotel
from tests.ports import free_port

if TYPE_CHECKING:
    from hub.settings import Settings

_SECONDS = 45.0


class HubProcess:
    """`hub serve` on the demo hotel of one database; it keeps its port over a restart."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = free_port()
        self.tenant_id: UUID | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def furnish(self) -> None:
        """Make the demo hotel: 20 rooms with a guest each, a kitchen, the menu."""
        self.tenant_id = await open_hotel(self.settings)

    async def code(self, room: str | None) -> str:
        """A claim code for the tablet of a room; None is the kitchen."""
        if self.tenant_id is None:
            raise RuntimeError("furnish first")
        return (await new_codes(self.settings, self.tenant_id, (room or KITCHEN,)))[0]

    async def start(self) -> None:
        """Returns when it is ready."""
        key = self.settings.master_keys[0]
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            "HUB_DATABASE_URL": self.settings.database_url,
            "HUB_REDIS_URL": self.settings.redis_url or "",
            "HUB_NAMESPACE": self.settings.namespace,
            "HUB_MASTER_KEYS": f"{key.kid}:{base64.b64encode(key.secret).decode()}",
            "HUB_LOG_LEVEL": "warning",
            "HUB_BCRYPT_ROUNDS": "4",
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub", "serve", "--port", str(self.port), env=environ
        )
        try:
            await self._ready(self._process)
        except BaseException:
            await self.kill()  # or the next test would take it for one that serves
            raise

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(_SECONDS), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if process.returncode is not None:
                    raise RuntimeError(f"hub serve ended with {process.returncode}")
                await asyncio.sleep(0.05)

    async def ensure(self) -> None:
        """Start it again when a test that failed has left it dead."""
        if self._process is None or self._process.returncode is not None:
            await self.start()

    async def kill(self) -> None:
        """kill -9; returns when it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            async with asyncio.timeout(_SECONDS):
                await self._process.wait()
