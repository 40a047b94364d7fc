"""Sentinel sets and clusters of Redis or Valkey, to be hurt by tests: started in a second, gone with the
tests, also when those are killed. Everything that says when something is done blocks: call it in a thread
where the loop must go on."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub.embedded.resolve import resolve_redis
from hub.redis.cluster import SLOTS, slot_of
from tests.conftest import memory
from tests.ports import free_port

PATIENCE: Final = 30.0
SERVICE: Final = "orders"
PASSWORD: Final = "a password of the tests"
_KILLED_WITH_PARENT: Final = 1
_libc = ctypes.CDLL(None)


def _die_with_the_tests() -> None:
    _libc.prctl(_KILLED_WITH_PARENT, signal.SIGKILL)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that is over there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(redis.RedisError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError(f"not in time: {what}")


class RedisServer:
    """One process. Made stopped; `options` are lines of its configuration."""

    def __init__(self, directory: Path, options: Sequence[str], *, password: str | None = None) -> None:
        self.port = free_port()
        self._directory = directory / str(self.port)
        self._directory.mkdir()
        self._password = password
        self._sentinel = any(option.startswith("sentinel") for option in options)
        self._configuration = self._directory / "redis.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self._directory}", 'save ""', *options]
        self._configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def spawn(self) -> None:
        """Start the process, and do not wait. On the main thread, whose end it does not survive."""
        command = [resolve_redis().path, str(self._configuration)]
        if self._sentinel:
            command.append("--sentinel")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_the_tests,  # noqa: PLW1509 - one system call, on the main thread
            )

    def wait(self) -> None:
        """Until it answers."""
        until(lambda: bool(self.ask("PING")), f"{self.port} answers")

    def ask(self, *words: str | int) -> Any:
        """One command; raises redis.RedisError."""
        once = Retry(NoBackoff(), 0)
        with redis.Redis(
            port=self.port, password=self._password, socket_timeout=1, decode_responses=True, retry=once
        ) as client:
            return client.execute_command(*words)

    @property
    def role(self) -> str:
        """master or slave, by its own word."""
        return str(self.ask("ROLE")[0])

    @property
    def listeners(self) -> int:
        """How many hubs have a connection here to listen on."""
        return str(self.ask("CLIENT", "LIST")).count(" name=hub-listen ")

    def listened_to(self, count: int) -> None:
        """Wait until so many do."""
        until(lambda: self.listeners == count, f"{count} listen at {self.port}")

    def subscribers(self, channel: str) -> int:
        """Of a channel with a slot, at this node."""
        return int(self.ask("PUBSUB", "SHARDNUMSUB", channel)[1])

    def heard_by(self, channel: str, count: int) -> None:
        """Wait until it has so many."""
        until(lambda: self.subscribers(channel) == count, f"{count} hear the channel at {self.port}")

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class SentinelSet:
    """A primary, two replicas, three Sentinels who notice a dead primary within half a second."""

    def __init__(self, servers: list[RedisServer], sentinels: list[RedisServer], url: str) -> None:
        self.servers = servers
        self.sentinels = sentinels
        self.url = url

    def primary(self) -> RedisServer:
        """Whom all Sentinels agree on, once that server itself says so and has a replica."""
        found: list[RedisServer] = []

        def agreed() -> bool:
            named = {
                tuple(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE))
                for sentinel in self.sentinels
            }
            found[:] = [server for server in self.servers if named == {("127.0.0.1", str(server.port))}]
            return len(found) == 1 and found[0].role == "master"

        until(agreed, "the Sentinels agree on a primary")
        return found[0]

    def fail_over(self) -> None:
        """Ask for another primary, as before an update of the old one; returns when it has begun."""

        def begun() -> bool:
            with suppress(redis.ResponseError):
                return bool(self.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE))
            return False

        until(begun, "a failover begins")

    def failed_over(self, old: RedisServer) -> RedisServer:
        """Wait until another is the primary."""
        found: list[RedisServer] = []

        def other() -> bool:
            found[:] = [self.primary()]
            return found[0] is not old

        until(other, "another primary")
        return found[0]


@contextmanager
def sentinel_set(*, password: str | None = None) -> Iterator[SentinelSet]:
    """Of its own, for this block; with `password` the servers and the Sentinels ask for it."""
    with tempfile.TemporaryDirectory(prefix="hub-sentinel-", dir=memory()) as name, ExitStack() as stack:
        directory = Path(name)
        options = ["repl-diskless-sync-delay 0", "repl-diskless-load swapdb"]
        if password is not None:
            options += [f'requirepass "{password}"', f'masterauth "{password}"']
        primary = RedisServer(directory, options, password=password)
        follow = [*options, f"replicaof 127.0.0.1 {primary.port}"]
        servers = [primary, *(RedisServer(directory, follow, password=password) for _ in range(2))]
        watch = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 2000",
            f"sentinel parallel-syncs {SERVICE} 2",
        ]
        if password is not None:
            watch += [f'sentinel auth-pass {SERVICE} "{password}"', f'requirepass "{password}"']
            watch += [f'sentinel sentinel-pass "{password}"']
        sentinels = [RedisServer(directory, watch, password=password) for _ in range(3)]
        _start(stack, *servers)
        _start(stack, *sentinels)
        for sentinel in sentinels:
            # a replica is good for a failover when it was asked within five pings; then it is once a second
            periods = ("ping-period", 300, "info-period", 200, "ask-period", 200, "publish-period", 200)
            sentinel.ask("SENTINEL", "DEBUG", *periods)

        def met() -> bool:
            return all(
                len(sentinel.ask("SENTINEL", "SENTINELS", SERVICE)) == 2
                and str(sentinel.ask("SENTINEL", "REPLICAS", SERVICE)).count("'master-link-status': 'ok'")
                == 2
                for sentinel in sentinels
            )

        until(met, "the Sentinels know each other and the replicas")
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
        login = secret = ""
        if password is not None:
            quoted = password.replace(" ", "%20")
            login, secret = f":{quoted}@", f"?sentinel_password={quoted}"
        yield SentinelSet(servers, sentinels, f"redis+sentinel://{login}{hosts}/{SERVICE}{secret}")


class RedisCluster:
    """Three primaries and a replica of each."""

    def __init__(self, nodes: list[RedisServer], url: str) -> None:
        self.nodes = nodes
        self.url = url
        self.ids = {node.port: str(node.ask("CLUSTER", "MYID")) for node in nodes}

    def owner(self, channel: str) -> RedisServer:
        """Who owns the channel's slot, by its own word and with no newer one beside it."""
        found = self._owner(channel)
        assert found is not None, "nobody owns the slot"
        return found

    def _owner(self, channel: str) -> RedisServer | None:
        slot = slot_of(channel)
        claims: list[tuple[int, RedisServer]] = []
        for node in self.nodes:
            with suppress(redis.RedisError):
                mine = _myself(node)
                if "master" in mine[2] and _holds(mine[8:], slot):
                    claims.append((int(mine[6]), node))
        return max(claims, key=lambda claim: claim[0])[1] if claims else None

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """Its replica, by the replica's own word."""
        for node in self.nodes:
            with suppress(redis.RedisError):
                mine = _myself(node)
                if mine[3] == self.ids[primary.port]:
                    return node
        raise AssertionError(f"{primary.port} has no replica")

    def failed_over(self, channel: str, old: RedisServer) -> RedisServer:
        """Wait until another owns the channel's slot."""
        until(lambda: self._owner(channel) not in (None, old), "another owner")
        return self.owner(channel)

    def move(self, channel: str) -> tuple[RedisServer, RedisServer]:
        """Bring the channel's slot, which holds no keys, to another primary; from where and to where."""
        source, slot = self.owner(channel), slot_of(channel)
        # a StopIteration that leaves a thread would never arrive
        target = next((node for node in self.nodes if node is not source and node.role == "master"), None)
        assert target is not None, "there is no other primary"
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[source.port])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[target.port])
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", self.ids[target.port])
        return source, target

    def wait(self) -> None:
        """Until every node knows all of them and all slots are served."""

        def well(node: RedisServer) -> bool:
            info = str(node.ask("CLUSTER", "INFO"))
            lines = _lines(node)
            linked = all("connected" in line[7] for line in lines if "myself" not in line[2])
            replicas = sum("slave" in line[2] for line in lines)
            return "cluster_state:ok" in info and len(lines) == 6 and replicas == 3 and linked

        until(lambda: all(well(node) for node in self.nodes), "the cluster is complete")


@contextmanager
def redis_cluster(*, password: str | None = None) -> Iterator[RedisCluster]:
    """Of its own, for this block."""
    with tempfile.TemporaryDirectory(prefix="hub-cluster-", dir=memory()) as name, ExitStack() as stack:
        nodes = []
        for _ in range(6):
            options = [
                "cluster-enabled yes",
                f"cluster-port {free_port()}",
                "cluster-node-timeout 1000",
                "cluster-require-full-coverage no",
                "cluster-replica-validity-factor 0",
                "repl-diskless-sync-delay 0",
                "repl-ping-replica-period 1",
            ]
            if password is not None:
                options += [f'requirepass "{password}"', f'masterauth "{password}"']
            nodes.append(RedisServer(Path(name), options, password=password))
        _start(stack, *nodes)
        login = f":{password.replace(' ', '%20')}@" if password is not None else ""
        cluster = RedisCluster(
            nodes, f"redis+cluster://{login}127.0.0.1:{nodes[0].port},127.0.0.1:{nodes[4].port}"
        )
        primaries, replicas = nodes[:3], nodes[3:]
        for number, node in enumerate(primaries):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "ADDSLOTSRANGE", number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1)
        buses = [int(_myself(node)[1].partition("@")[2].partition(",")[0]) for node in nodes]
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        until(lambda: all(len(_lines(node)) == 6 for node in nodes), "the nodes know each other")
        for primary, replica in zip(primaries, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", cluster.ids[primary.port])
        cluster.wait()
        yield cluster


def _start(stack: ExitStack, *servers: RedisServer) -> None:
    for server in servers:
        server.spawn()
        stack.callback(server.kill)
    for server in servers:
        server.wait()


def _lines(node: RedisServer) -> list[list[str]]:
    """id, address, flags, primary, ping, pong, epoch, link, slots of each node, as this one sees it."""
    return [line.split() for line in str(node.ask("CLUSTER", "NODES")).splitlines()]


def _myself(node: RedisServer) -> list[str]:
    mine = [line for line in _lines(node) if "myself" in line[2]]
    assert mine, f"{node.port} does not know itself"
    return mine[0]


def _holds(ranges: list[str], slot: int) -> bool:
    for text in ranges:
        if not text.startswith("["):
            first, _, last = text.partition("-")
            if int(first) <= slot <= int(last or first):
                return True
    return False
