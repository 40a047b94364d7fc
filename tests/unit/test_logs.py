import io
import json
import logging
from collections.abc import Iterator

import pytest

from hub.telemetry.logs import configure

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodWIifQ.c2lnbmF0dXJl"
CREDENTIAL = f"{'0a' * 16}.{'0b' * 16}.c2VjcmV0"


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


@pytest.mark.usefixtures("restored")
def test_a_line_is_one_json_object_with_its_extras() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    log = logging.getLogger("hub.sample")
    log.debug("too quiet")
    log.warning("slow\nquery", extra={"ms": 120, "name_of": "表\ud800"})
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (line["level"], line["logger"], line["message"], line["ms"]) == (
        "warning",
        "hub.sample",
        "slow\nquery",
        120,
    )
    assert line["at"].endswith("Z")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("layout", ["json", "human"])
def test_no_secret_gets_through(layout: str) -> None:
    stream = io.StringIO()
    configure("info", "json" if layout == "json" else "human", stream)
    try:
        raise OSError(f"no route to postgresql://hub:canary-1@db/hub with {TOKEN}")
    except OSError:
        logging.getLogger("hub.sample").exception(
            "failed for %s",
            CREDENTIAL,
            extra={"password": "canary-2", "refresh_token": "canary-3", "note": f"Bearer {TOKEN}"},
        )
    text = stream.getvalue()
    assert "OSError" in text
    for secret in ("canary-1", "canary-2", "canary-3", "c2lnbmF0dXJl", "c2VjcmV0"):
        assert secret not in text


@pytest.mark.usefixtures("restored")
def test_a_line_for_people_stays_one_line() -> None:
    stream = io.StringIO()
    configure("info", "human", stream)
    logging.getLogger("hub.sample").info("forged\n12:00:00 INFO another line", extra={"ms": 5})
    assert stream.getvalue().count("\n") == 1
    assert "ms=5" in stream.getvalue()
