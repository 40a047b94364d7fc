"""A hub that was started as a process: until it is ready, and until it is gone."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import time
from typing import TYPE_CHECKING, Final

from hub.errors import Unavailable

if TYPE_CHECKING:
    from hub.drive.client import Address

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0


def wait_ready(address: Address, server: subprocess.Popen[bytes], *, whole: bool = True) -> None:
    """Until it serves, and when it shall be `whole`, misses nothing. Raises Unavailable when it ends at its
    start, or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unavailable(f"the hub ended at its start with code {server.returncode}")
        connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            degraded = b'"degraded"' in response.read()
            if response.status == http.HTTPStatus.OK and not (whole and degraded):
                return
        time.sleep(0.05)
    raise Unavailable(f"the hub is not ready after {_START_SECONDS:.0f} s")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Politely, then by force; returns when it is gone."""
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
