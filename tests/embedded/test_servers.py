"""Start, share, kill: the embedded servers, for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from hub import embedded
from hub.embedded.account import server_account
from hub.errors import Unavailable
from tests.embedded.conftest import User, is_alive, keepers, wait_gone


async def count(servers: embedded.Servers) -> int:
    connection = await asyncpg.connect(servers.database_url("postgres"))
    try:
        value = await connection.fetchval("SELECT count(*) FROM written")
        assert isinstance(value, int)
        return value
    finally:
        await connection.close()


async def write(servers: embedded.Servers, rows: int) -> None:
    connection = await asyncpg.connect(servers.database_url("postgres"))
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS written (at timestamptz DEFAULT now())")
        for _ in range(rows):
            await connection.execute("INSERT INTO written DEFAULT VALUES")
    finally:
        await connection.close()


async def ping(servers: embedded.Servers) -> bool:
    client = redis.asyncio.from_url(servers.redis_url)
    try:
        return bool(await client.ping())
    finally:
        await client.aclose()


async def test_both_servers_answer_and_say_what_they_are(home: Path) -> None:
    with embedded.start(home) as servers:
        connection = await asyncpg.connect(servers.database_url("postgres"))
        names = ["fsync", "jit", "listen_addresses", "max_connections", "server_encoding", "timezone"]
        settings = {name: await connection.fetchval(f"SHOW {name}") for name in names}
        version = await connection.fetchval("SHOW server_version")
        await connection.close()
        assert settings == {
            "fsync": "on",
            "jit": "off",
            "listen_addresses": "",
            "max_connections": "200",
            "server_encoding": "UTF8",
            "timezone": "UTC",
        }
        assert await ping(servers)
        postgres, cache = servers.describe()
        assert postgres.startswith(f"PostgreSQL {version.split()[0]} (")
        assert cache.startswith(("Valkey ", "Redis "))
        assert str(home) in postgres
        assert str(home) in cache


async def test_others_cannot_enter_the_sockets(home: Path) -> None:
    with embedded.start(home, durable=False) as servers:
        path = Path(servers.redis_url.removeprefix("unix://")).parent
        assert path.stat().st_mode & 0o777 == 0o700
        assert {entry.name for entry in path.iterdir()} >= {".s.PGSQL.5432", "redis.sock", "keeper.sock"}


async def test_data_stays_and_servers_go(home: Path) -> None:
    with embedded.start(home) as servers:
        await write(servers, 3)
        pids = servers.postgres.pid, servers.redis.pid
    assert not any(map(is_alive, pids))
    wait_gone(*keepers(home))
    with embedded.start(home) as servers:
        assert await count(servers) == 3


async def test_postgres_killed_recovers_what_was_committed(home: Path) -> None:
    with embedded.start(home) as servers:
        await write(servers, 100)
        killed = servers.postgres.pid
        os.kill(killed, signal.SIGKILL)
        wait_gone(killed)
        with pytest.raises(Unavailable):
            _ = servers.postgres.pid
        servers.postgres.restart()
        assert servers.postgres.pid != killed
        assert await count(servers) == 100


async def test_a_restart_at_the_moment_of_the_kill_is_retried(home: Path) -> None:
    with embedded.start(home, durable=False) as servers:
        await write(servers, 1)
        idle = await asyncpg.connect(servers.database_url("postgres"))
        servers.postgres.kill()
        servers.postgres.start()
        assert await count(servers) == 1
        idle.terminate()


async def test_redis_killed_and_restarted(home: Path) -> None:
    with embedded.start(home, durable=False) as servers:
        servers.redis.kill()
        with pytest.raises(redis.exceptions.ConnectionError):
            await ping(servers)
        servers.redis.restart()
        assert await ping(servers)


def test_users_share_servers_and_the_last_one_stops_them(user: Callable[[], User]) -> None:
    users = [user() for _ in range(3)]  # all at once, on an empty home
    pids = {process.pids() for process in users}
    assert len(pids) == 1
    users[0].end()
    users[1].kill()
    (servers,) = pids
    assert user().pids() == servers  # neither the one who left nor the one who died took them away
    users[2].end()
    assert all(map(is_alive, servers))


def test_a_killed_user_leaves_nothing_running(user: Callable[[], User], home: Path) -> None:
    process = user()
    pids = process.pids()
    process.kill()
    wait_gone(*pids, *keepers(home))
    again = user()
    assert set(again.pids()).isdisjoint(pids)
    again.end()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_servers_end_with_their_keeper(user: Callable[[], User], home: Path) -> None:
    process = user()
    pids = process.pids()
    (keeper,) = keepers(home)
    os.kill(keeper, signal.SIGKILL)
    wait_gone(*pids)


def test_after_the_keepers_death_the_next_user_starts_new_servers(
    user: Callable[[], User], home: Path
) -> None:
    process = user()
    pids = process.pids()
    (keeper,) = keepers(home)
    os.kill(keeper, signal.SIGKILL)
    again = user()  # at once: the old servers may still be ending
    assert set(again.pids()).isdisjoint(pids)
    wait_gone(*pids)
    again.end()


async def test_a_lost_keeper_is_a_clear_error(home: Path) -> None:
    with embedded.start(home, durable=False) as servers:
        (keeper,) = keepers(home)
        os.kill(keeper, signal.SIGKILL)
        wait_gone(keeper)
        with pytest.raises(Unavailable, match="keeper"):
            servers.redis.restart()


def test_not_shared_means_alone(home: Path) -> None:
    with embedded.start(home, durable=False), pytest.raises(Unavailable, match="not to be shared"):
        embedded.start(home, durable=False, shared=False)
    with (
        embedded.start(home, durable=False, shared=False),
        pytest.raises(Unavailable, match="not to be shared"),
    ):
        embedded.start(home, durable=False)


def test_durable_servers_are_not_those_of_tests(home: Path) -> None:
    with embedded.start(home, durable=False), pytest.raises(Unavailable, match="durability"):
        embedded.start(home, durable=True)


def test_redis_can_be_asked_for_later(home: Path) -> None:
    with embedded.start(home, durable=False, redis=False) as servers:
        assert len(servers.describe()) == 1
        with embedded.start(home, durable=False) as more:
            assert len(more.describe()) == 2
            assert more.postgres.pid == servers.postgres.pid


async def test_a_long_path_gets_short_sockets(home: Path) -> None:
    deep = home / ("long-" * 20)
    with embedded.start(deep, durable=False) as servers:
        short = Path(servers.redis_url.removeprefix("unix://")).parent
        assert len(bytes(short)) < 40
        assert await ping(servers)
        await write(servers, 1)
        with embedded.start(deep, durable=False) as more:
            assert more.redis_url == servers.redis_url
    assert not short.exists()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the servers' user."""
    account = server_account()
    user, group = (account.uid, account.gid) if account.dropped else (None, None)
    with subprocess.Popen(["sleep", "60"], user=user, group=group) as process:
        yield process
        process.kill()


def put_pid(home: Path, pid: int) -> None:
    """As after the machine was switched off: the number in the file belongs to somebody else now."""
    (file,) = home.glob("pg*/data/postmaster.pid")
    first, _, rest = file.read_text(encoding="utf-8").partition("\n")
    assert first.isdigit()
    file.write_text(f"{pid}\n{rest}", encoding="utf-8")


async def test_a_stale_pid_file_neither_stops_the_start_nor_hurts_another(
    home: Path, bystander: subprocess.Popen[bytes]
) -> None:
    with embedded.start(home, durable=False) as servers:
        await write(servers, 1)
        servers.postgres.kill()
        put_pid(home, bystander.pid)
        servers.postgres.start()
        assert await count(servers) == 1
        assert bystander.poll() is None


def test_throw_away_leaves_nothing() -> None:
    with embedded.throw_away() as servers:
        home = Path(servers.redis_url.removeprefix("unix://")).parents[2]
        assert home.is_dir()
        pids = servers.postgres.pid, servers.redis.pid
    assert not home.exists()
    assert not any(map(is_alive, pids))


def test_stop_twice_is_once(home: Path) -> None:
    servers = embedded.start(home, durable=False, redis=False)
    servers.stop()
    servers.stop()
    with pytest.raises((Unavailable, OSError)):
        servers.postgres.restart()


def test_a_file_where_the_socket_belongs_is_replaced(home: Path) -> None:
    with embedded.start(home, durable=False) as servers:
        path = servers.redis_url.removeprefix("unix://")
        servers.redis.kill()
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        servers.redis.start()
        assert is_alive(servers.redis.pid)
