"""The kitchen screens of a rehearsal: those of the house, or browsers without a window on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hub.db.pool import Role, connect
from hub.errors import SettingError, Unavailable
from hub.rehearse.sandbox import online

if TYPE_CHECKING:
    from hub.rehearse.sandbox import Sandbox
    from hub.settings import Settings

_LOOK_SECONDS: Final = 0.25
_LEAVE_SECONDS: Final = 5.0
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def browsers(addresses: list[str]) -> Iterator[None]:
    """A browser for each address, inside the block: a tab in the background would paint nothing. Raises
    SettingError when there is no Chromium."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise SettingError(
            "--headless needs Chromium on this machine: apt-get install chromium", field="headless"
        )
    with contextlib.ExitStack() as stack:
        for address in addresses:
            profile = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="hub-screen-", ignore_cleanup_errors=True)
            )
            process = subprocess.Popen(
                [program, *_flags(profile), address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(_close, process)
        yield


async def arrived(settings: Settings, sandbox: Sandbox, seconds: float) -> None:
    """Returns when all kitchen screens are there. Raises Unavailable when they are not after so long."""
    connection = await connect(settings, Role.ADMIN)
    try:
        deadline = time.monotonic() + seconds
        while (there := await online(connection, sandbox)) < len(sandbox.screens):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{there} of {len(sandbox.screens)} kitchen screens came within {seconds:g} s: open the "
                    "addresses, or let --headless do it"
                )
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await connection.close()


def _flags(profile: str) -> list[str]:
    flags = [
        "--headless=new",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--remote-debugging-port=0",  # without it Chromium ends when the page is loaded
        "--window-size=1920,1080",
        f"--user-data-dir={profile}",
    ]
    # Chromium does not start as root with its own sandbox, as in most containers.
    return [*flags, "--no-sandbox"] if os.geteuid() == 0 else flags


def _close(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
