"""Redis or Valkey as broker: one subscribing connection, one publishing, both rebuilt from nothing when
anything goes wrong. redis-py reconnects and resubscribes by itself, silently; what was published meanwhile is
lost without a sign, so every error ends the connection here and every new one says `interrupted`."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hub.realtime.broker import BrokerDown

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

    from hub.realtime.broker import Listener
    from hub.realtime.marks import Marks

# A connection that says nothing for so long, although it was pinged, is dead.
_SILENCE_SECONDS: Final = 6.0
_PING_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 2.0
_BACKOFF_SECONDS: Final = (0.05, 1.0)
_BATCH: Final = 500
T = TypeVar("T")
_log = logging.getLogger(__name__)


class RedisBroker:
    """See `Broker`."""

    def __init__(self, url: str, control: str, marks: Marks) -> None:
        """`control` is a channel that is always subscribed. A message without a good mark is dropped."""
        self._marks = marks
        self._client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            url,
            protocol=2,  # cheaper to read than RESP3, which pub/sub does not need
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0, supported_errors=()),  # no error is met by connecting again silently
        )
        self._control = control
        self._wanted: set[str] = {control}
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._sending = asyncio.Lock()
        self.connected = False

    async def run(self, listener: Listener) -> None:
        attempt = 0
        while True:
            try:
                async with self._client.pubsub() as pubsub:
                    try:
                        await self._serve(pubsub, listener)
                    finally:
                        # before it is closed: a subscribe on it would take a connection that nobody reads
                        self._pubsub = None
            except Exception as error:  # noqa: BLE001 - redis-py and uvloop raise anything on a connection that is
                # cut at the wrong moment; a courier may lose messages, and must never end the process
                if self.connected or attempt == 0:
                    _log.warning("redis is gone", extra={"reason": type(error).__name__})
                attempt = 0 if self.connected else attempt + 1
            finally:
                self.connected = False
                self._pubsub = None
                for future in self._confirmed.values():
                    # who waits goes on: `interrupted` comes when the subscription stands again
                    if not future.done():
                        future.set_result(None)
                self._confirmed.clear()
            low, high = _BACKOFF_SECONDS
            await asyncio.sleep(random.uniform(low, min(high, low * 2 ** min(attempt, 8))))

    async def _serve(self, pubsub: PubSub, listener: Listener) -> None:
        missing: set[str] = set()
        # Channels may become wanted while this sends; only when none is left may `subscribe` send by itself.
        while new := sorted(self._wanted - missing):
            for batch in _batches(new):
                await pubsub.subscribe(*batch)
            missing.update(new)
        self._pubsub = pubsub
        loop = asyncio.get_running_loop()
        heard = loop.time()
        pinged = heard
        while True:
            message = await pubsub.get_message(timeout=_PING_SECONDS)
            now = loop.time()
            if message is not None:
                heard = now
                kind = message["type"]
                if kind == "message":
                    self._received(listener, message["channel"].decode(), message["data"])
                elif kind == "subscribe":
                    channel = message["channel"].decode()
                    if channel == self._control and self._control not in missing:
                        raise ConnectionError("the connection was replaced under us")
                    missing.discard(channel)
                    if (future := self._confirmed.pop(channel, None)) and not future.done():
                        future.set_result(None)
                    if not missing and not self.connected:
                        self.connected = True
                        _log.info("redis is connected", extra={"channels": len(self._wanted)})
                        listener.interrupted()
            elif now - heard > _SILENCE_SECONDS:
                raise TimeoutError("redis does not answer")
            if now - pinged > _PING_SECONDS:
                pinged = now
                await self._send(lambda pubsub: pubsub.ping())

    def _received(self, listener: Listener, channel: str, marked: bytes) -> None:
        content = self._marks.take(channel, marked)
        if content is None:
            _log.warning("a message in redis is not the hub's own", extra={"channel": channel})
        else:
            listener.received(channel, content)

    async def subscribe(self, channel: str) -> None:
        self._wanted.add(channel)
        confirmed = self._confirmed.setdefault(channel, asyncio.get_running_loop().create_future())
        try:
            if await self._send(lambda pubsub: pubsub.subscribe(channel)):
                await asyncio.wait_for(asyncio.shield(confirmed), _SILENCE_SECONDS)
        except Exception:  # noqa: BLE001 - as in `run`
            # the reader sees the same failure, reconnects and subscribes to all that is wanted
            return

    async def unsubscribe(self, channel: str) -> None:
        self._wanted.discard(channel)
        try:
            await self._send(lambda pubsub: pubsub.unsubscribe(channel), unless=channel)
        except Exception:  # noqa: BLE001 - as in `run`
            return

    async def _send(self, act: Callable[[PubSub], Awaitable[object]], unless: str | None = None) -> bool:
        """Send on the connection that is read, if there is one, unless a channel is wanted by then.

        After a failure nobody sends on it any more: redis-py would connect again by itself, and nobody would
        read there.
        """
        async with self._sending:
            pubsub = self._pubsub
            if pubsub is None or unless in self._wanted:
                return False
            try:
                await act(pubsub)
            except Exception:  # whatever it was, what was sent may be half a command
                self._pubsub = None
                raise
            return True

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        try:
            for batch in _batches(messages):
                pipeline = self._client.pipeline(transaction=False)
                for channel, message in batch:
                    pipeline.publish(channel, self._marks.put(channel, message))
                await pipeline.execute()
        except Exception as error:
            raise BrokerDown(str(error)) from error

    async def ping(self) -> bool:
        try:
            return self.connected and bool(await self._client.ping())
        except Exception:  # noqa: BLE001 - as in `run`
            return False

    async def aclose(self) -> None:
        """Close the connections; `run` has been cancelled before."""
        await self._client.aclose()


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
