"""`hub test`: which tests run against which servers. Every leg is a pytest of its own, and the files of
a leg are shared out to as many processes as there are processors, four at most."""

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
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Leg(Struct, frozen=True):
    """Tests by a marker expression, and the settings that choose their servers. `alone`: one after the other,
    because they measure."""

    title: str
    markers: str
    servers: Mapping[str, str]
    alone: bool = False


QUICK = Leg(
    "what the wheels alone can run; `hub test --all` runs the rest too",
    "not browser and not slow and not faults and not debian and not mount and not alone",
    {},
)
FULL = (
    Leg("everything, on PostgreSQL 18 and Valkey of the wheels", "not debian and not alone", {}),
    Leg("what measures, with the machine to itself", "alone", {}, alone=True),
    Leg(
        "PostgreSQL 15 and Redis 7 of the distribution",
        "not browser and not slow and not alone and (debian or not faults)",
        OLD_SERVERS,
    ),
)


def run(*, everything: bool, arguments: Sequence[str]) -> int:
    """Run one leg or all of them; the exit code of the first that fails. `arguments` go to pytest.

    A leg that collects no test fails. Raises SettingError when a program is missing, naming its package.
    """
    if not (ROOT / "tests").is_dir():
        raise SettingError("the tests are not part of an installed hub; run them in a checkout")
    if not everything:
        return _pytest(QUICK, os.environ, arguments)
    if absent := missing():
        raise SettingError(f"`test --all` needs the packages {' '.join(absent)}; apt-get install them")
    environment = {name: value for name, value in os.environ.items() if name not in OLD_SERVERS}
    codes = [_pytest(leg, environment, arguments) for leg in FULL]
    return next((code for code in codes if code), 0)


def missing() -> list[str]:
    """The Debian packages that `--all` needs and this machine lacks."""
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


def _pytest(leg: Leg, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    click.secho(f"hub test: {leg.title}", bold=True)
    command = [sys.executable, "-m", "pytest", "-p", "tests.left_out", "-m", leg.markers]
    processes = 0 if leg.alone else _processes()
    command += ["-n", str(processes), "--dist", "loadfile", *arguments]
    code = subprocess.run(command, cwd=ROOT, env={**environment, **leg.servers}, check=False).returncode
    if code == 5 and leg.alone and any(Path(ROOT, one.partition("::")[0]).exists() for one in arguments):
        return 0  # files were named, and none of them measures
    if code == 5:
        click.echo("hub test: no test was collected, which counts as a failure", err=True)
    return code
