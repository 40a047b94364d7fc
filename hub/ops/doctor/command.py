"""What `hub doctor` prints: a table for people, or JSON for machines."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub.ops.doctor.examination import examine
from hub.ops.doctor.finding import Finding

_STYLES: Final = {"ok": "green", "warning": "yellow", "error": "bold red"}


class Report(Struct, frozen=True):
    """`ok` says that there is no error; there may be warnings."""

    ok: bool
    findings: list[Finding]


def run(*, as_json: bool) -> int:
    """Examine the hub of this environment; 1 when something is wrong."""
    findings = asyncio.run(examine(os.environ))
    report = Report(all(finding.level != "error" for finding in findings), findings)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        Console(highlight=False).print(_table(findings))
    return 0 if report.ok else 1


def _table(findings: list[Finding]) -> Table:
    table = Table("", "check", "found", "to do", box=None, pad_edge=False, header_style="bold")
    for finding in findings:
        style = _STYLES[finding.level]
        # as text: what is found may hold brackets, which rich would read as markup
        table.add_row(Text(finding.level, style), finding.check, Text(finding.says), Text(finding.do))
    return table
