"""What the peers are made of: packages of fixed versions in an environment of the bench's own, and programs
of the distribution."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from hub.embedded.home import default_home
from hub.errors import Unavailable

SERVERS: Final = Path(__file__).resolve().parent / "servers"
NCHAN_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_REQUIREMENTS: Final = SERVERS / "requirements.txt"
_PACKAGE_JSON: Final = SERVERS / "package.json"
_INSTALL_SECONDS: Final = 600


class Missing(Exception):
    """A peer cannot run here; the message says what to install."""


class Software(Struct, frozen=True):
    """`program` runs the peer, with `environ` beside the environment of the bench; `versions` of what it is
    made of."""

    program: str
    versions: dict[str, str]
    environ: dict[str, str] = {}


def python(say: Callable[[str], None]) -> Software:
    """The interpreter of an environment with the Python peers. Raises Missing."""
    home = _home("python", _REQUIREMENTS)
    program = home / "bin" / "python"
    if not (home / "complete").exists():
        say(f"installing {_REQUIREMENTS.name} into {home}")
        _run([sys.executable, "-m", "venv", "--clear", str(home)], "python3-venv")
        command = [str(program), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run([*command, "-r", str(_REQUIREMENTS)], f"{_REQUIREMENTS} with pip")
        (home / "complete").touch()
    pins = _REQUIREMENTS.read_text(encoding="utf-8").split()
    return Software(str(program), dict(pin.split("==", 1) for pin in pins if "==" in pin))


def node(say: Callable[[str], None]) -> Software:
    """Node with the packages of the JavaScript peers. Raises Missing."""
    program = _program("node", "nodejs")
    home = _home("node", _PACKAGE_JSON)
    if not (home / "complete").exists():
        npm = _program("npm", "npm")
        say(f"installing {_PACKAGE_JSON.name} into {home}")
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(_PACKAGE_JSON, home)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        _run([*command, "--prefix", str(home)], f"{_PACKAGE_JSON} with npm")
        (home / "complete").touch()
    pins = re.findall(r'"(@?[a-z./-]+)": "(\d[0-9.]+)"', _PACKAGE_JSON.read_text(encoding="utf-8"))
    versions = {"node": _told([program, "--version"]).lstrip("v"), **dict(pins)}
    environ = {"NODE_ENV": "production", "NODE_PATH": str(home / "node_modules")}
    return Software(program, versions, environ)


def nginx(_: Callable[[str], None]) -> Software:
    """nginx with nchan, of the distribution. Raises Missing."""
    program = _program("nginx", "nginx libnginx-mod-nchan")
    if not NCHAN_MODULE.exists():
        raise Missing(f"there is no {NCHAN_MODULE}: install libnginx-mod-nchan")
    version = _told([program, "-v"]).rpartition("/")[2].split(" ")[0]
    nchan = _told(["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"]) or "unknown"
    return Software(program, {"nginx": version, "nchan": nchan})


def own(_: Callable[[str], None]) -> Software:
    """The bench's own interpreter."""
    return Software(sys.executable, {})


def _home(kind: str, pins: Path) -> Path:
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    return default_home() / "peers" / f"{kind}-{digest}"


def _program(name: str, package: str) -> str:
    # /usr/sbin is not on everybody's path
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise Missing(f"there is no {name}: install {package}")
    return found


def _run(command: list[str], wanted: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"install {wanted}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"install {wanted}: {said[-1] if said else 'it failed'}")


def _told(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} does not run: {error}") from error
    return (done.stdout or done.stderr).strip()
