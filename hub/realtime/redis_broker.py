"""Redis or Valkey as broker: one server, a primary watched by Sentinels, or a Cluster with sharded pub/sub.

Messages are lost without a sign whenever a connection is, and whenever a publisher and a listener are not at
the same server: while one of the two has not heard of a failover yet, or of a slot that moved. So a broker

    says `interrupted` when its own subscriptions stand again, after whatever had happened to one of them;
    and, when what it has published may not have arrived or went to a server that is not the right one any
    more, sends an empty message on the control channel afterwards: every node then compares heads.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from hiredis import ReplyError

from hub.realtime.broker import BrokerDown
from hub.realtime.subscription import Demoted, Subscription
from hub.redis.fleet import Fleet
from hub.redis.line import PING, Refused

if TYPE_CHECKING:
    from hub.realtime.broker import Listener
    from hub.realtime.marks import Marks
    from hub.redis.place import Address

_BATCH: Final = 500
# Between two looks at who serves what, however many reasons there are; longer when they do not help.
_PAUSE_SECONDS: Final = (0.05, 1.0)
# Shorter than whoever watches the hub waits: given up from outside, a dead connection would stay.
_PING_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class RedisBroker:
    """See `Broker`."""

    def __init__(self, url: str, control: str, marks: Marks) -> None:
        """`control` is a channel that is always subscribed. A message without a good mark is dropped. Raises
        SettingError."""
        self._fleet = Fleet(url)
        self._topology = self._fleet.topology
        self._marks = marks
        self._control = control
        self._head = b"*3\r\n$8\r\nSPUBLISH\r\n" if self._topology.sharded else b"*3\r\n$7\r\nPUBLISH\r\n"
        self._wanted: set[str] = {control}
        self._homes: dict[str, Address] = {}
        self._subscriptions: dict[Address, tuple[Subscription, asyncio.Task[None]]] = {}
        self._listener: Listener | None = None
        self._group: asyncio.TaskGroup | None = None
        self._broken = True  # since `interrupted` was said last
        self._unsure = False  # what this process has published may not have reached everybody
        self._doubt = asyncio.Event()

    @property
    def connected(self) -> bool:
        return (
            self._group is not None
            and len(self._homes) == len(self._wanted)
            and all(subscription.standing for subscription, _ in self._subscriptions.values())
        )

    async def run(self, listener: Listener) -> None:
        self._listener = listener
        self._broken = True
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._watch()
        finally:
            self._group = self._listener = None
            self._homes.clear()
            self._subscriptions.clear()

    # who serves what

    async def _watch(self) -> None:
        failures = 0
        while True:
            self._doubt.clear()
            helped = await self._look()
            self._arrange()
            if self._unsure:
                helped = await self._announce() and helped
            failures = 0 if helped else failures + 1
            if failures == 0:
                try:
                    async with asyncio.timeout(self._topology.seconds):
                        await self._doubt.wait()
                except TimeoutError:
                    pass
            low, high = _PAUSE_SECONDS
            await asyncio.sleep(random.uniform(low, min(high, low * 2 ** min(failures, 8))))

    async def _look(self) -> bool:
        known = self._topology.known
        try:
            if await self._topology.look() and known:
                _log.warning("redis is served by others than before")
                # what was published before that may have gone to the old one
                self._unsure = True
        except Exception as error:  # noqa: BLE001 - as in `Subscription.run`
            _log.warning("who serves redis is not known", extra={"reason": repr(error)})
            return False
        return True

    def _arrange(self) -> None:
        """Bring every channel to the server that carries it now."""
        moved: dict[Address, list[str]] = {}
        left: dict[Address, list[str]] = {}
        for channel in self._wanted:
            owner, home = self._topology.owner(channel), self._homes.get(channel)
            if owner == home:
                continue
            self._broken = True
            if home is not None:
                del self._homes[channel]
                left.setdefault(home, []).append(channel)
            if owner is not None:
                self._homes[channel] = owner
                moved.setdefault(owner, []).append(channel)
        for address, channels in moved.items():
            self._at(address).want(*channels)
        for address, channels in left.items():
            self._subscriptions[address][0].drop(*channels)
        for address in self._subscriptions.keys() - set(self._homes.values()):
            self._subscriptions.pop(address)[1].cancel()
        self._settle()

    def _at(self, address: Address) -> Subscription:
        if address not in self._subscriptions:
            assert self._group is not None
            sharded, strict = self._topology.sharded, self._topology.strict
            made = Subscription(address, self._fleet.open, self, sharded=sharded, strict=strict)
            self._subscriptions[address] = made, self._group.create_task(made.run())
        return self._subscriptions[address][0]

    def _settle(self) -> None:
        if self._broken and self._listener is not None and self.connected:
            self._broken = False
            _log.info("redis is connected", extra={"channels": len(self._wanted)})
            self._listener.interrupted()

    # what a subscription says

    def heard(self, channel: str, marked: bytes) -> None:
        content = self._marks.take(channel, marked)
        if content is None:
            _log.warning("a message in redis is not the hub's own", extra={"channel": channel})
        elif self._listener is not None:
            self._listener.received(channel, content)

    def stood(self, address: Address) -> None:
        self._fleet.lines.forgive(address)
        self._settle()

    def adrift(self, address: Address, channel: str) -> None:
        if self._homes.get(channel) == address:
            del self._homes[channel]
        self._broken = True
        self._doubt.set()

    def fell(self, address: Address, error: BaseException, *, first: bool) -> None:
        self._broken = True
        if first:
            _log.warning("redis is gone", extra={"reason": repr(error)})
        if isinstance(error, Demoted):
            # it still answers, and would take what nobody hears
            self._fleet.lines.drop(address)
            self._unsure = True
        self._doubt.set()

    # what is wanted

    async def subscribe(self, channel: str) -> None:
        self._wanted.add(channel)
        if self._group is None:
            return
        home = self._homes.get(channel) or self._topology.owner(channel)
        if home is None:
            self._broken = True
            self._doubt.set()
            return
        self._homes[channel] = home
        await self._at(home).subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._wanted.discard(channel)
        if (home := self._homes.pop(channel, None)) is not None:
            self._subscriptions[home][0].drop(channel)

    # what goes out

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        try:
            if not self._topology.known:
                await self._topology.look()
            for start in range(0, len(messages), _BATCH):
                refused = await self._send(messages[start : start + _BATCH])
                if refused:
                    # slots have moved: nobody has heard these, but others may have gone to the old owner
                    await self._topology.look()
                    self._unsure = True
                    self._doubt.set()
                    if await self._send(refused):
                        raise Refused("redis does not take a message")
        except Exception as error:
            self._unsure = True
            self._doubt.set()
            raise BrokerDown(str(error)) from error

    async def _send(self, messages: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Each server gets its share, in order. Returns what was refused; raises when a server is gone, after
        the others have theirs."""
        shares: dict[Address, list[tuple[str, bytes]]] = {}
        for message in messages:
            owner = self._topology.owner(message[0])
            if owner is None:
                raise Refused("nobody carries a channel")
            shares.setdefault(owner, []).append(message)
        if len(shares) == 1:
            return await self._send_to(*shares.popitem())
        results = await asyncio.gather(
            *(self._send_to(owner, share) for owner, share in shares.items()), return_exceptions=True
        )
        refused: list[tuple[str, bytes]] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            refused += result
        return refused

    async def _send_to(self, owner: Address, share: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        head, put = self._head, self._marks.put
        parts = []
        for channel, message in share:
            name, marked = channel.encode(), put(channel, message)
            parts.append(b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n" % (head, len(name), name, len(marked), marked))
        replies = await self._fleet.lines.ask(owner, b"".join(parts), len(parts))
        return [message for message, reply in zip(share, replies, strict=True) if type(reply) is ReplyError]

    async def _announce(self) -> bool:
        """Make every node compare heads."""
        self._unsure = False
        try:
            await self.publish([(self._control, b"")])
        except BrokerDown:  # which has made it unsure again
            return False
        return True

    async def ping(self) -> bool:
        if not self.connected:
            return False
        try:
            servers = set(self._homes.values())
            asked = (self._fleet.lines.ask(server, PING, seconds=_PING_SECONDS) for server in servers)
            answers = await asyncio.gather(*asked)
        except Exception:  # noqa: BLE001 - as in `Subscription.run`
            return False
        return all(answer == b"PONG" for (answer,) in answers)

    async def aclose(self) -> None:
        """Close the connections; `run` has been cancelled before."""
        await self._fleet.aclose()
