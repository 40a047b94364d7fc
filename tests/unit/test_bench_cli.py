"""The command line of the bench: what it refuses before anything is started."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bench import cli
from bench.commands.orders import orders
from bench.hotels import Line, devices, read_tokens, shares, write_tokens
from bench.machine import Cores, allotted
from bench.options import output, place, quick, rate, whole
from bench.report import Output
from bench.target import elsewhere, is_loopback
from hub.errors import InvalidInput, SettingError

BOTH = [Line("tablet", "t", "a"), Line("kitchen", "k", "a")]


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize("name", cli.commands.commands)
def test_help(name: str) -> None:
    shown = CliRunner().invoke(cli.commands, [name, "--help"])
    assert shown.exit_code == 0
    assert ("\n  Exit codes:\n    0    good\n    1    " in shown.output) is (name != "hotels")


def test_help_is_quick() -> None:
    heavy = "{'asyncpg', 'msgspec', 'redis', 'rich', 'uvloop'}"
    words = f"import sys, bench.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def asked(*words: str) -> dict[str, Any]:
    """What a command gets of these options."""
    found: dict[str, Any] = {}

    @click.command()
    @whole("--hotels", 20, 1, 2000, "How many.")
    @rate(5, "How fast.")
    @place()
    @output()
    @quick(hotels=2, rate=0.5)
    def command(**given: object) -> None:
        found.update(given)

    command.main(list(words), standalone_mode=False)
    return found


def test_quick_gives_way_to_what_is_named() -> None:
    assert (asked()["hotels"], asked()["rate"]) == (20, 5)
    assert (asked("--quick")["hotels"], asked("--quick")["rate"]) == (2, 0.5)
    # Even when that is what it would be anyhow.
    assert asked("--quick", "--hotels", "20")["hotels"] == 20


def test_options_of_place_and_output_come_together() -> None:
    given = asked("--clients", "2", "--no-pin", "--save")
    assert set(given) == {"hotels", "rate", "where", "output"}
    nothing = {"url": None, "token_file": None}
    assert given["where"] == {"workers": 1, "clients": 2, "pin": False, **nothing}
    assert given["output"] == {"json": None, "picture": None, "save": True}


def test_save_writes_and_draws() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    jsons, pictures = Output(Path("a.json"), None, save=True).files("orders", moment, ".html")
    assert [path.name for path in jsons] == ["a.json", "orders-20260102-030405.json"]
    assert [path.name for path in pictures] == ["orders-20260102-030405.html"]
    assert Output(None, Path("b"), save=False).files("orders", moment, ".svg") == ([], [Path("b")])


@pytest.mark.parametrize(
    ("words", "rates"),
    [
        (["--rate", "20", "50", "100", "--seconds", "3"], (20, 50, 100)),
        (["--rate", "20", "--rate", "0.5"], (20, 0.5)),
        (["--rate=7"], (7,)),
        ([], (20, 50, 100)),
    ],
)
def test_several_rates(words: list[str], rates: tuple[float, ...]) -> None:
    assert orders.make_context("orders", words).params["rate"] == rates


def test_thresholds() -> None:
    words = ["--max-p99-ms", "place=50,frame=20.5", "--max-p99-ms", "bump=9"]
    given = orders.make_context("orders", words).params["max_p99_ms"]
    assert given == {"place": 50.0, "frame": 20.5, "bump": 9.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "--rate"),
        (["--rate", "20", "fifty"], "fifty"),
        (["--seconds", "0"], "--seconds"),
        (["--bumps", "5"], "--bumps"),
        (["--max-p99-ms", "lunch=5"], "lunch"),
        (["--max-p99-ms", "place"], "place"),
        (["--url", "http://127.0.0.1:1"], "--token-file"),
        (["--token-file", "tokens"], "--url"),
        (["--clients", "3", "--hotels", "2"], "--hotels"),
        (["--url", "hub", "--token-file", "tokens", "--max-p99-ms", "frame=5"], "http://HOST:PORT"),
        (["--url", "http://127.0.0.1:1", "--token-file", "/nowhere"], "/nowhere"),
        (["--json", "/"], "--json / is a directory"),
        (["--picture", "/"], "--picture / is a directory"),
        (["--quick", "--clients", "3"], "--hotels, there are 2"),
        (["--quick", "--hotels", "1", "--rooms", "1", "--saturate"], "more than one guest"),
        (["--quick=yes"], "--quick"),
        (["--drain", "soon"], "'soon' is not a valid float range"),
    ],
)
def test_what_cannot_be(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("orders", *words, monkeypatch=monkeypatch) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mix", "--rate", "0,5"], "is not a list of numbers such as"),
        (["peers", "--min-ratio", "hub=1"], "'hub=1' is not PEER=RATIO; known are nchan, ws"),
        (["fanout", "--max-p99", "-1"], "--max-p99"),
        (["storm", "--rate", "0"], "--rate"),
        (["tenants", "--windows", "1.5"], "--windows"),
        (["peers", "--picture", "/"], "--picture / is a directory"),
        (["hotels"], "--out"),
    ],
)
def test_what_other_commands_refuse(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, monkeypatch=monkeypatch) == 2
    assert said in capsys.readouterr().err


def test_somebody_elses_database_is_not_replaced_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://elsewhere/hub")
    assert run("orders", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.startswith("bench: HUB_DATABASE_URL set, but ")


def test_two_machines_have_two_clocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_tokens(tmp_path / "tokens", BOTH)
    words = ["--url", "https://hub.example", "--token-file", str(tmp_path / "tokens")]
    assert run("orders", *words, "--max-p99-ms", "frame=5", monkeypatch=monkeypatch) == 2
    assert "screen=" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("hub.example", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    "url",
    ["hub", "ftp://hub", "http://", "http://hub:x", "http://hub:99999", "http://hub/ws", "http://a@hub"],
)
def test_what_is_no_address(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"http://HOST:PORT|only scheme"):
        elsewhere(url, tmp_path / "none")


def test_addresses(tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens", BOTH)
    found = elsewhere("https://hub.example", tmp_path / "tokens")
    assert (found.address.host, found.address.port, found.address.secure) == ("hub.example", 443, True)
    assert not found.one_clock
    near = elsewhere("http://[::1]:8080/", tmp_path / "tokens")
    assert (near.address.host, near.address.port, near.one_clock) == ("::1", 8080, True)


def test_a_token_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    write_tokens(path, BOTH)
    assert read_tokens(path) == BOTH
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingError, match="cannot write"):
        write_tokens(tmp_path / "none" / "tokens", BOTH)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ('{"kind":"tablet","token":"t"}\n\n{"kind":"waiter","token":"k"}', "line 3"),
        ('{"kind":"tablet","token":"t"}\nnonsense', "line 2"),
        ('{"kind":"tablet","token":"t"}', "no kitchen"),
        ('{"kind":"kitchen","token":"t","hotel":"Akari"}', "hotel 'Akari' has no tablet"),
        ('{"kind":"tablet","token":"t","room":"1"}', "room"),
    ],
)
def test_a_token_file_that_will_not_do(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        devices(read_tokens(path))


def test_each_process_gets_whole_hotels() -> None:
    lines = [Line(kind, "t", str(hotel)) for hotel in range(5) for kind in ("tablet", "tablet", "kitchen")]
    found = devices(lines)
    parts = shares(found, 2)
    assert [device for part in parts for device in part] == found
    assert [sorted({device.hotel for device in part}) for part in parts] == [[0, 1, 2], [3, 4]]
    with pytest.raises(InvalidInput, match="there are 5"):
        shares(found, 6)


@pytest.mark.parametrize(
    ("available", "workers", "clients", "wanted"),
    [
        ([0, 1], 1, 1, Cores((0,), (1,))),
        ([0, 1], 2, 1, Cores(None, None)),
        ([3], 1, 1, Cores(None, None)),
        ([], 1, 1, Cores(None, None)),
        ([0, 1, 2, 3], 2, 1, Cores((0, 1), (3,))),
        ([0, 1, 2, 3], 1, 8, Cores((0,), (1, 2, 3))),
    ],
)
def test_hub_and_clients_have_cores_of_their_own(
    available: list[int], workers: int, clients: int, wanted: Cores
) -> None:
    assert allotted(available, workers, clients) == wanted
