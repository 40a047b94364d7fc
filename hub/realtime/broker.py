"""The courier between the relay and the nodes: fast, and allowed to lose. PostgreSQL holds the truth, so a
broker only has to say honestly when it may have lost something; every node then compares heads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID


class BrokerDown(Exception):
    """The messages may not have been delivered."""


class Channels:
    """Names of channels. The braces are the hash tag of Redis Cluster: a tenant's keys share one slot."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.relay = f"{namespace}:relay"
        self.sessions = f"{namespace}:sessions"
        self.hubs = f"{namespace}:hubs"

    def events(self, tenant_id: UUID) -> str:
        """Where a tenant's events are published."""
        return f"{self._namespace}:{{{tenant_id}}}:events"


class Listener(Protocol):
    """Who receives from a broker. Both are called on the event loop and must not block."""

    def received(self, channel: str, message: bytes) -> None:
        """A message of a subscribed channel."""

    def interrupted(self) -> None:
        """Messages may have been lost, and from now on none are: compare heads."""


class Broker(Protocol):
    """`run` serves until cancelled. `connected` says whether confirmed subscriptions stand at this moment."""

    @property
    def connected(self) -> bool: ...

    async def run(self, listener: Listener) -> None: ...

    async def subscribe(self, channel: str) -> None:
        """Wanted until `unsubscribe`. Returns when the subscription is confirmed, or at once while
        disconnected: `interrupted` is called when it stands again."""

    async def unsubscribe(self, channel: str) -> None: ...

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send in order. Raises BrokerDown when some may not have arrived."""

    async def ping(self) -> bool:
        """Whether it answers now."""


class NoBroker:
    """For several processes without Redis: it carries nothing, and says so."""

    connected = False

    async def run(self, listener: Listener) -> None:
        listener.interrupted()
        await asyncio.Event().wait()

    async def subscribe(self, channel: str) -> None:
        """Nothing will come: whoever wants to know compares heads."""

    async def unsubscribe(self, channel: str) -> None:
        """There is nothing to end."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        raise BrokerDown("there is no broker")

    async def ping(self) -> bool:
        return False


class MemoryBroker:
    """The broker of one process that has no Redis."""

    def __init__(self) -> None:
        self._channels: set[str] = set()
        self._listener: Listener | None = None

    @property
    def connected(self) -> bool:
        return self._listener is not None

    async def run(self, listener: Listener) -> None:
        self._listener = listener
        listener.interrupted()
        try:
            await asyncio.Event().wait()
        finally:
            self._listener = None

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        if self._listener is None:
            raise BrokerDown("nobody listens yet")
        loop = asyncio.get_running_loop()
        deliver: Callable[[str, bytes], None] = self._listener.received
        for channel, message in messages:
            if channel in self._channels:
                # as over a wire: never inside the publisher's own call
                loop.call_soon(deliver, channel, message)

    async def ping(self) -> bool:
        return self.connected
