"""The options of `hub rehearse` that go together, and those that do not."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hub.rehearse.cli import rehearse

RECORD = ("--record", "akari", "--since", "2026-05-02T18:00", "--out", "evening.json")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((*RECORD, "--from", "x.json"), "--record goes without --from."),
        ((*RECORD, "--json", "-"), "--record goes without --json."),
        ((*RECORD, "--by-hand"), "--record goes without --by-hand."),
        (RECORD[:2], "--record needs --since and --out."),
        (("--since", "2026-05-02"), "--since, --until and --out belong to --record."),
        (("--from", "x.json", "--hotel", "akari"), "leave --hotel out."),
    ],
)
def test_options_that_do_not_go_together_are_named_as_they_are_written(
    arguments: tuple[str, ...], reason: str
) -> None:
    result = CliRunner().invoke(rehearse, arguments)
    assert result.exit_code == 2
    assert reason in result.output
