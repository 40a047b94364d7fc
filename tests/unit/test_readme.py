"""What README points at is there, its pictures are small, and what it lists of the protocol is all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from hub.db.queries import load
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.services import commands
from tests.keys import MASTER_KEY

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES: Final = [
    (address, words)
    for tag in re.findall(r"<img\s[^>]*>", README)
    for address in re.findall(r'src="([^"]*)"', tag)
    for words in re.findall(r'alt="([^"]*)"', tag)
]
MOST_BYTES: Final = 60_000


@pytest.mark.parametrize("address", sorted(set(re.findall(r"\]\(((?!https?:)[^)#]+)", README))))
def test_every_link_leads_somewhere(address: str) -> None:
    assert (ROOT / address).exists()


def test_every_picture_is_there_in_both_languages() -> None:
    assert len(PICTURES) == README.count("<img ") > 0
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / ".github" / "screens").iterdir()}
    assert {address for address, _ in PICTURES} == there
    names = {address.removesuffix(".webp") for address, _ in PICTURES}
    assert {name.removesuffix("-ja") for name in names if name.endswith("-ja")} == {
        name.removesuffix("-en") for name in names if name.endswith("-en")
    }


@pytest.mark.parametrize(("address", "words"), PICTURES)
def test_a_picture_is_small_and_has_words(address: str, words: str) -> None:
    assert (ROOT / address).stat().st_size <= MOST_BYTES
    assert len(words) > 10


def listed(begin: str, end: str) -> set[str]:
    """What stands in code between two words of README."""
    return set(re.findall(r"`([a-z][a-z_.]+)`", README.split(begin)[1].split(end)[0]))


def test_every_command_is_listed() -> None:
    table = commands(Vault(MasterKeys((MASTER_KEY,))))
    assert listed("\nCommands:", "Close codes") == {operation.name for operation in table}


def test_every_kind_of_a_document_is_listed() -> None:
    schema = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
    snapshot = re.findall(r"'([a-z_]+)'(?: AS kind)?,\s+(?:ARRAY|CASE)", load("log")["state"].text)
    written = [
        kind.removesuffix(".removed")
        for statement in re.findall(r"INSERT INTO app\.events .*?ARRAY\[", schema, re.DOTALL)
        for kind in re.findall(r"'([a-z][a-z_.]+)'", statement)
    ]
    told = re.findall(r"PERFORM app\.tell\(NEW\.tenant_id, [\w.]+, .*?, '([a-z_]+)',", schema)
    assert len(snapshot) >= 8
    assert len(told) >= 4
    assert listed("Kinds are", "\nCommands:") - {"removed"} == {*snapshot, *written, *told}
