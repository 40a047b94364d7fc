"""Positions as clients carry them: nobody reads or makes one, and what is none asks for the primary."""

from __future__ import annotations

import base64

import pytest

from hub.db.position import UNKNOWN, lsn
from hub.security.positions import Positions

OLD, NEW = b"o" * 32, b"n" * 32


def test_it_comes_back_as_it_was_and_shows_nothing() -> None:
    positions = Positions([NEW])
    for position in (0, 1, 0x16_B374_D848, UNKNOWN):
        sealed = positions.seal(position)
        assert positions.open(sealed) == position
        assert sealed != positions.seal(position)
        assert position.to_bytes(8, "big") not in base64.urlsafe_b64decode(sealed)


def test_master_keys_change() -> None:
    sealed = Positions([OLD]).seal(7)
    assert Positions([NEW, OLD]).open(sealed) == 7
    assert Positions([NEW]).open(sealed) == UNKNOWN


@pytest.mark.parametrize("text", ["", "7", "16/B374D848", "A" * 48, "A" * 10_000, "\u00e9", "=" * 48, "AAAA"])
def test_what_is_none_asks_for_the_primary(text: str) -> None:
    assert Positions([NEW]).open(text) == UNKNOWN


def test_a_position_is_written_as_postgresql_reads_it() -> None:
    assert lsn(0) == "0/0"
    assert lsn(0x16_B374_D848) == "16/B374D848"
    assert lsn(UNKNOWN) == "7FFFFFFF/FFFFFFFF"
