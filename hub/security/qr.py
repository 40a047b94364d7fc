"""QR codes as rows of text, for a page to draw."""

from __future__ import annotations

import segno


def rows(text: str) -> list[str]:
    """A row of 0 and 1 for each line of the code, without the quiet zone around it. A seventh of it may be
    covered."""
    matrix = segno.make(text, error="m", micro=False).matrix
    return ["".join(str(module) for module in row) for row in matrix]
