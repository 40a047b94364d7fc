"""What a check of `hub doctor` has found."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Level: TypeAlias = Literal["ok", "warning", "error"]


class Finding(Struct, frozen=True, omit_defaults=True):
    """`check` names what was looked at, `says` how it is, `do` what to do about it (empty when well)."""

    check: str
    level: Level
    says: str
    do: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check, "ok", says)


def warning(check: str, says: str, do: str) -> Finding:
    """The hub works, but not as it should for long."""
    return Finding(check, "warning", says, do)


def error(check: str, says: str, do: str) -> Finding:
    """The hub does not work, or does not keep what it promises."""
    return Finding(check, "error", says, do)
