"""The command line: what it refuses, and how an error looks."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hub import __version__, cli, legs
from hub.errors import SettingError


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["hub", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(cli.commands, ["--help"])
    assert result.exit_code == 0
    names = "asyncapi demo doctor keys migrate openapi rehearse serve staff sync tenant test"
    assert set(cli.commands.commands) == set(names.split())
    for name in cli.commands.commands:
        assert CliRunner().invoke(cli.commands, [name, "--help"]).exit_code == 0


def test_version() -> None:
    assert CliRunner().invoke(cli.commands, ["--version"]).output == f"hub, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["serve", "--workers", "0"],
        ["serve", "--port", "65536"],
        ["demo", "--port", "http"],
        ["demo", "--busy", "--check"],
        ["demo", "--speed", "0"],
        ["rehearse", "--orders", "0"],
        ["rehearse", "--speed", "1000"],
        ["rehearse", "--record", "akari"],
        ["rehearse", "--record", "akari", "--since", "2026-05-02"],
        ["rehearse", "--record", "akari", "--since", "2026-05-02", "--out", "a.json", "--orders", "9"],
        ["rehearse", "--since", "2026-05-02"],
        ["rehearse", "--from", "a.json", "--hotel", "akari"],
        ["migrate", "--to", "-1"],
    ],
)
def test_wrong_arguments(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.commands, arguments).exit_code == 2


def test_a_missing_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("migrate", monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hub: HUB_DATABASE_URL is missing; expected ")
    assert err.count("\n") == 1


def test_an_error_of_several_lines_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def fails() -> None:
        raise SettingError("one\n  two")

    monkeypatch.setattr(cli, "commands", fails)
    assert run(monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "hub: one two\n"


def test_the_quick_leg_leaves_out_what_needs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(leg: legs.Leg, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
        more = ("browser", "slow", "faults", "debian", "mount", "alone")
        return 7 if leg.markers == " and ".join(f"not {marker}" for marker in more) else 0

    monkeypatch.setattr(legs, "_pytest", fake)
    assert legs.run(quick=True, rest=False, arguments=[]) == 7


@pytest.mark.parametrize("place", [place for leg in legs.REST for place in leg.places])
def test_every_place_of_a_leg_is_there(place: str) -> None:
    assert legs.found([place])


def test_all_needs_every_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "missing", lambda: ["chromium", "redis-server"])
    with pytest.raises(SettingError, match="chromium redis-server"):
        legs.run(quick=True, rest=True, arguments=[])


def test_missing_packages_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    nowhere = {name: str(tmp_path / "none") for name in legs.OLD_SERVERS}
    monkeypatch.setattr(legs, "OLD_SERVERS", nowhere)
    monkeypatch.setattr(legs, "PGBOUNCER", str(tmp_path / "none"))
    monkeypatch.setattr(legs, "FAKETIME", "none")
    packages = ["chromium", "fonts-noto-cjk", "postgresql-15", "redis-server", "pgbouncer", "libfaketime"]
    assert legs.missing() == [*packages, "nodejs"]


@pytest.mark.parametrize(
    ("codes", "arguments", "expected"),
    [
        ([0, 1, 0, 0], [], 1),
        ([0, 0, 0, 0], [], 0),
        ([0, 0, 5, 0], [], 5),
        ([0, 0, 5, 0], ["-q", "tests/unit/test_cli.py::test_x"], 0),
        ([5, 3, 5, 5], ["tests/unit/test_cli.py"], 3),
        ([5, 5, 5, 5], ["tests/unit/test_cli.py"], 5),
    ],
)
def test_all_legs_run_and_the_first_failure_counts(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], arguments: list[str], expected: int
) -> None:
    left = iter(codes)
    monkeypatch.setattr(legs, "missing", list)
    monkeypatch.setattr(legs, "_pytest", lambda *_: next(left))
    assert legs.run(quick=True, rest=True, arguments=arguments) == expected
    assert next(left, None) is None


def test_every_test_has_its_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever markers it has."""
    ran: list[str] = []

    def fake(leg: legs.Leg, *_: object) -> int:
        ran.append(leg.markers)
        return 0

    monkeypatch.setattr(legs, "missing", list)
    monkeypatch.setattr(legs, "_pytest", fake)
    assert legs.run(quick=True, rest=True, arguments=[]) == 0
    names = ("browser", "slow", "faults", "debian", "mount", "alone")
    for chosen in itertools.product((True, False), repeat=len(names)):
        marked = dict(zip(names, chosen, strict=True))
        if not (marked["debian"] and (marked["browser"] or marked["slow"] or marked["alone"])):
            assert any(eval(markers, {}, marked) for markers in ran), marked


def test_nothing_collected_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(legs, "QUICK", legs.Leg("nothing", "browser and not browser", {}))
    assert legs.run(quick=True, rest=False, arguments=["--collect-only", "-q", "tests/unit/test_cli.py"]) == 5
    assert "counts as a failure" in capfd.readouterr().err


def test_what_is_left_out_is_said_by_several_processes(capfd: pytest.CaptureFixture[str]) -> None:
    leg = legs.Leg("none of these", "slow", {})
    arguments = ["-n", "2", "-q", "tests/unit/test_cli.py"]
    assert legs._pytest(leg, {"PATH": ""}, arguments) == 5
    assert "left out: " in capfd.readouterr().out


def test_an_installed_hub_has_no_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(legs, "ROOT", tmp_path)
    with pytest.raises(SettingError, match="checkout"):
        legs.run(quick=True, rest=False, arguments=[])
