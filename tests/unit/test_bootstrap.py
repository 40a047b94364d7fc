"""The bootstrap, with installers that only pretend; `.ci/run` and the slow tests run it for real."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from hub import bootstrap
from hub.bootstrap import BootstrapError, Environment

DEMO = frozenset({"embedded"})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in bootstrap.SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    return tmp_path


class Installer:
    """Stands in for `bootstrap.install`: makes an interpreter, counts, may fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], bool]] = []
        self.fails = False
        self.before: Callable[[], object] = lambda: None

    def __call__(self, root: Path, path: Path, extras: Sequence[str], lock: int, *, new: bool) -> None:
        self.calls.append((list(extras), new))
        self.before()
        (path / "bin").mkdir(parents=True, exist_ok=True)
        if not (path / "bin" / "python").exists():
            (path / "bin" / "python").symlink_to(sys.executable)
        if self.fails:
            raise BootstrapError("no network")


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer()
    monkeypatch.setattr(bootstrap, "install", installer)
    return installer


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        ([], {"embedded"}),
        (["demo", "--check"], {"embedded"}),
        (["serve", "--workers", "2"], {"embedded"}),
        (["test"], {"embedded", "dev"}),
        (["test", "-k", "orders"], {"embedded", "dev"}),
        (["test", "--all", "-x"], {"embedded", "dev", "browser"}),
        (["sync"], {"embedded", "dev"}),
        (["sync", "--all"], {"embedded", "dev", "browser"}),
    ],
)
def test_each_command_gets_what_it_needs(arguments: list[str], extras: set[str]) -> None:
    assert bootstrap.wanted_extras("hub", arguments) == extras


def test_another_module_uses_the_same_environment() -> None:
    assert bootstrap.wanted_extras("bench", ["test", "--all"]) == {"embedded"}


def test_made_once(checkout: Path, installer: Installer) -> None:
    assert Environment(checkout, DEMO).make()
    assert not Environment(checkout, DEMO).make()
    assert installer.calls == [(["embedded"], True)]


def test_more_extras_are_added_and_kept(checkout: Path, installer: Installer) -> None:
    Environment(checkout, DEMO).make()
    Environment(checkout, frozenset({"dev", "embedded"})).make()
    assert not Environment(checkout, DEMO).make()
    (checkout / "pyproject.toml").write_text("changed\n", encoding="utf-8")
    Environment(checkout, DEMO).make()
    assert installer.calls == [
        (["embedded"], True),
        (["dev", "embedded"], False),
        (["dev", "embedded"], False),
    ]


@pytest.mark.parametrize("name", bootstrap.SOURCES)
def test_brought_up_to_date_when_a_source_changes(checkout: Path, installer: Installer, name: str) -> None:
    Environment(checkout, DEMO).make()
    (checkout / name).write_text("changed\n", encoding="utf-8")
    assert not Environment(checkout, DEMO).is_ready()
    Environment(checkout, DEMO).make()
    assert Environment(checkout, DEMO).is_ready()


def test_half_made_is_made_anew(checkout: Path, installer: Installer) -> None:
    installer.fails = True
    with pytest.raises(BootstrapError, match="no network"):
        Environment(checkout, DEMO).make()
    left = checkout / ".venv" / "left"
    left.touch()
    assert not Environment(checkout, DEMO).is_ready()
    installer.fails = False
    Environment(checkout, DEMO).make()
    assert not left.exists()
    assert Environment(checkout, DEMO).is_ready()


def test_an_update_that_fails_leaves_it_half_made(checkout: Path, installer: Installer) -> None:
    Environment(checkout, DEMO).make()
    (checkout / "pyproject.toml").write_text("changed\n", encoding="utf-8")
    installer.fails = True
    with pytest.raises(BootstrapError):
        Environment(checkout, DEMO).make()
    (checkout / "pyproject.toml").write_text("pyproject.toml\n", encoding="utf-8")
    assert not Environment(checkout, DEMO).is_ready()


@pytest.mark.parametrize("stamp", ["", "{", "[]", "{}", '{"digest": "x", "python": "y", "other": 1}'])
def test_a_broken_stamp_counts_as_none(checkout: Path, installer: Installer, stamp: str) -> None:
    Environment(checkout, DEMO).make()
    (checkout / ".venv" / "hub-stamp.json").write_text(stamp, encoding="utf-8")
    assert Environment(checkout, DEMO).make()


def test_another_interpreter_under_it_means_anew(
    checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment(checkout, DEMO).make()
    path = checkout / ".venv" / "hub-stamp.json"
    stamp = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**stamp, "python": "3.11.0 (old)"}), encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(checkout / ".venv"))  # only a process inside sees it
    environment = Environment(checkout, DEMO)
    assert environment.is_active()
    assert environment.make()
    assert installer.calls[-1] == (["embedded"], True)


def test_a_copied_checkout_makes_its_own(checkout: Path, installer: Installer, tmp_path: Path) -> None:
    Environment(checkout, DEMO).make()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (*bootstrap.SOURCES, ".venv/hub-stamp.json"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((checkout / name).read_bytes())
    assert not Environment(copy, DEMO).is_ready()


def test_two_at_once_make_it_once(
    checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(bootstrap, "tell", lambda text: waits.set() if "waiting" in text else None)
    second = threading.Thread(target=lambda: Environment(checkout, DEMO).make())

    def while_the_first_installs() -> None:
        second.start()
        assert waits.wait(30)

    installer.before = while_the_first_installs
    Environment(checkout, DEMO).make()
    second.join(30)
    assert not second.is_alive()
    assert len(installer.calls) == 1


def test_installed_from_a_wheel_it_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    bootstrap.enter("hub", ["demo"])
    assert list(tmp_path.iterdir()) == []


def test_an_old_python_is_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit) as exit_:
        bootstrap.enter("hub", ["demo"])
    assert exit_.value.code == 2
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


def test_it_enters_the_environment(
    checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    monkeypatch.setattr(os, "execv", lambda path, words: ran.append((path, words)))
    bootstrap.enter("hub", ["demo", "--port", "0"])
    python = checkout / ".venv" / "bin" / "python"
    assert ran == [(python, [str(python), "-m", "hub", "demo", "--port", "0"])]


class Calls:
    """Stands in for `bootstrap.call`."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.failing = "nothing"

    def __call__(self, command: Sequence[str], lock: int, extra: Mapping[str, str] | None = None) -> None:
        self.commands.append(list(command))
        if self.failing in command[0]:
            raise BootstrapError("it failed")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(bootstrap, "call", calls)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return calls


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    find: Callable[[str], ModuleSpec | None] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in modules else find("json"))


def test_uv_is_used_when_there_is_one(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/uv")
    bootstrap.install(tmp_path, tmp_path / ".venv", ["dev", "embedded"], 0, new=True)
    assert calls.commands[-1][:3] == ["/opt/uv", "pip", "install"]
    assert calls.commands[-1][-1] == f"{tmp_path}[dev,embedded]"


def test_pip_takes_over_when_uv_fails(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/uv")
    without(monkeypatch)
    calls.failing = "/opt/uv"
    bootstrap.install(tmp_path, tmp_path / ".venv", ["embedded"], 0, new=True)
    assert calls.commands[-1][1:4] == ["-m", "pip", "install"]
    assert "uv failed" in capsys.readouterr().err


def test_without_ensurepip_the_systems_pip_installs(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "ensurepip")
    bootstrap.install(tmp_path, tmp_path / ".venv", ["embedded"], 0, new=True)
    assert "--without-pip" in calls.commands[0]
    assert calls.commands[-1][1:4] == ["-m", "pip", "--python"]


def test_without_any_installer_it_says_what_to_install(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "ensurepip", "pip")
    with pytest.raises(BootstrapError, match="apt-get install python3-venv"):
        bootstrap.install(tmp_path, tmp_path / ".venv", ["embedded"], 0, new=True)


def test_a_failing_installer_is_quoted() -> None:
    with Path("/dev/null").open("rb") as lock, pytest.raises(BootstrapError, match="no such index"):
        bootstrap.call(["/bin/sh", "-c", "echo no such index >&2; exit 1"], lock.fileno())


def test_it_parses_on_an_old_python_and_needs_nothing_installed() -> None:
    """`-I -S`: neither site-packages nor the checkout; only the standard library is left."""
    source = Path(bootstrap.__file__)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(source)!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    compile(source.read_text(encoding="utf-8"), str(source), "exec", flags=0, dont_inherit=True)
