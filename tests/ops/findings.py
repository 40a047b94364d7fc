"""What `hub doctor` found, for a test to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.ops.doctor.finding import Finding


def troubles(findings: list[Finding]) -> list[tuple[str, str]]:
    """The checks that found something, and how bad it is."""
    for finding in findings:
        assert finding.says
        assert bool(finding.do) == (finding.level != "ok"), finding
    return [(finding.check, finding.level) for finding in findings if finding.level != "ok"]


def said(findings: list[Finding]) -> str:
    return "\n".join(f"{finding.says}; {finding.do}" for finding in findings if finding.level != "ok")
