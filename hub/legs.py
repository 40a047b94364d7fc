"""`hub test`: which tests run against which servers. Every leg is a pytest of its own, and the files of
a leg are shared out to as many processes as there are processors, four at most, or one more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from msgspec import Struct

from hub.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
OLD_SERVERS = {"HUB_PG_BINDIR": "/usr/lib/postgresql/15/bin", "HUB_REDIS_BIN": "/usr/bin/redis-server"}
PGBOUNCER = "/usr/sbin/pgbouncer"
FAKETIME = "*/faketime/libfaketimeMT.so.1"
# What pytest says when it has collected no test.
_NOTHING = 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Leg(Struct, frozen=True):
    """Tests by a marker expression, in `places` (patterns; none: all), and the settings that choose their
    servers. `spare`: processes beside one for each processor, where tests wait more than they work. `alone`:
    one after the other, because they measure."""

    title: str
    markers: str
    servers: Mapping[str, str]
    alone: bool = False
    spare: int = 0
    places: tuple[str, ...] = ()


QUICK = Leg(
    "what the wheels alone can run; `hub test --rest` runs the others, `hub test --all` both",
    "not browser and not slow and not faults and not debian and not mount and not alone",
    {},
    spare=1,
)
REST = (
    Leg(
        "browsers, slow tests and faults, on PostgreSQL 18 and Valkey of the wheels",
        "(browser or slow or faults or mount) and not debian and not alone",
        {},
        spare=1,
    ),
    Leg("what measures, with the machine to itself", "alone", {}, alone=True),
    Leg(
        "PostgreSQL 15 and Redis 7 of the distribution",
        "not browser and not slow and not alone and (debian or not faults)",
        OLD_SERVERS,
        spare=1,
        # What speaks SQL and pub/sub; what stands on them is the same on all servers.
        places=(
            "tests/database",
            "tests/embedded",
            "tests/faults",
            "tests/hooks",
            "tests/ops/test_doctor*.py",
            "tests/realtime/test_broker*.py",
            "tests/realtime/test_[jmr]*.py",
            "tests/realtime/test_st*.py",
        ),
    ),
)


def run(*, quick: bool, rest: bool, arguments: Sequence[str]) -> int:
    """Run the quick leg, the rest, or both; the exit code of the first that fails. `arguments` go to pytest.

    A leg that collects no test fails, unless files were named and another leg has their tests. Raises
    SettingError when a program is missing, naming its package.
    """
    if not (ROOT / "tests").is_dir():
        raise SettingError("the tests are not part of an installed hub; run them in a checkout")
    if rest and (absent := missing()):
        raise SettingError(f"all tests need the packages {' '.join(absent)}; apt-get install them")
    legs = [*([QUICK] if quick else []), *(REST if rest else [])]
    environment = {name: value for name, value in os.environ.items() if name not in OLD_SERVERS}
    codes = [_pytest(leg, environment if rest else os.environ, arguments) for leg in legs]
    if _name_files(arguments) and set(codes) != {_NOTHING}:
        codes = [code for code in codes if code != _NOTHING]
    if _NOTHING in codes:
        click.echo("hub test: no test was collected, which counts as a failure", err=True)
    return next((code for code in codes if code), 0)


def _name_files(arguments: Sequence[str]) -> bool:
    return any(Path(ROOT, one.partition("::")[0]).exists() for one in arguments)


def missing() -> list[str]:
    """The Debian packages that all tests need and this machine lacks."""
    absent = []
    if not any(shutil.which(name) for name in BROWSERS):
        absent.append("chromium")
    if not _has_japanese_font():
        absent.append("fonts-noto-cjk")
    if not Path(OLD_SERVERS["HUB_PG_BINDIR"], "postgres").exists():
        absent.append("postgresql-15")
    if not Path(OLD_SERVERS["HUB_REDIS_BIN"]).exists():
        absent.append("redis-server")
    if not Path(PGBOUNCER).exists():
        absent.append("pgbouncer")
    if not any(Path("/usr/lib").glob(FAKETIME)):
        absent.append("libfaketime")
    if shutil.which("node") is None:
        absent.append("nodejs")
    return absent


def _has_japanese_font() -> bool:
    """Without one every glyph is a box, and assertions on text still pass."""
    try:
        return bool(subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=True).stdout.strip())
    except (OSError, subprocess.CalledProcessError):
        return False


def _processes() -> int:
    """How many run tests at once, each with servers of its own; `-n 0` in the arguments undoes it."""
    return min(4, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def found(patterns: Sequence[str]) -> list[str]:
    """The files and folders of the checkout that are meant."""
    return [str(path.relative_to(ROOT)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _pytest(leg: Leg, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    click.secho(f"hub test: {leg.title}", bold=True)
    command = [sys.executable, "-m", "pytest", "-p", "tests.left_out", "-m", leg.markers]
    processes = 0 if leg.alone else _processes() + leg.spare
    places = () if _name_files(arguments) else found(leg.places)
    command += ["-n", str(processes), "--dist", "loadfile", *places, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**environment, **leg.servers}, check=False).returncode
