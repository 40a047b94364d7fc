"""Logging over the standard library: one line an event, as JSON for machines or as columns for people.

Code logs a constant sentence, what varies goes into `extra`: `_log.warning("slow query", extra={"ms": 120})`.
Inside a request each line also carries its `request_id`.
Secrets do not get through: values under a telling name are dropped, and what looks like a token, a credential
or a password in a URL is blotted out of every text, tracebacks included.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

import msgspec

from hub.telemetry.context import current

_STANDARD: Final = frozenset(
    (
        *vars(logging.LogRecord("", 0, "", 0, "", None, None)),
        "message",
        "asctime",
        "taskName",
        "color_message",
    )
)
_TELLING: Final = re.compile(r"password|secret|token|credential|authorization|cookie|(?:^|_)(?:code|key)s?$")
_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_CREDENTIAL: Final = re.compile(r"\b[0-9a-f]{32}\.(?:[0-9a-f]{32}\.[\w-]+|[\w-]{20,})")
_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@]*):[^\s/@]+@")
# PostgreSQL repeats the whole row when a constraint refuses it: a guest's own words among the rest.
_DETAIL: Final = re.compile(r"(?m)^(DETAIL: +).*$")
_BLOT: Final = "***"


def configure(
    level: Literal["debug", "info", "warning", "error"],
    layout: Literal["json", "human"],
    stream: TextIO | None = None,
) -> None:
    """Send everything that the process logs, libraries included, to `stream` (stderr by default)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if layout == "json" else Columns())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # One line a request is for the proxy in front; it would also repeat what stands in a URL.
    logging.getLogger("uvicorn.access").disabled = True


class JsonLines(logging.Formatter):
    """`{"at","level","logger","message",...extra,"exception"?}` and a line feed."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
            **_extra(record),
        }
        if trace := _trace(self, record):
            line["exception"] = trace
        return msgspec.json.encode(line, enc_hook=str).decode()


class Columns(logging.Formatter):
    """`12:03:10.120 WARNING hub.db.scope  slow query  ms=120`; an exception follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f"  {name}={value}" for name, value in _extra(record).items())
        head = f"{_moment(record)[11:23]} {record.levelname:<7} {record.name}"
        text = f"{head}  {_clean(record.getMessage())}{extra}".replace("\n", "\\n").replace("\r", "\\r")
        trace = _trace(self, record)
        return f"{text}\n{trace}" if trace else text


def _moment(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _extra(record: logging.LogRecord) -> dict[str, object]:
    context = current.get()
    return ({} if context is None else {"request_id": str(context.request_id)}) | {
        name: _BLOT if _TELLING.search(name) else _clean(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return _DETAIL.sub(rf"\1{_BLOT}", _clean(formatter.formatException(record.exc_info)))


def _clean(text: str) -> str:
    """Without secrets, and without what UTF-8 cannot carry."""
    for pattern in (_TOKEN, _CREDENTIAL):
        text = pattern.sub(_BLOT, text)
    return _URL_PASSWORD.sub(rf"\1:{_BLOT}@", text).encode("utf-8", "backslashreplace").decode()
