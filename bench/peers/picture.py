"""The result as a picture: bars of CPU time for the same work, one panel for each shape. SVG by hand."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

from bench.peers.hosts import HOSTS
from bench.peers.plan import Shape
from bench.peers.report import PeersResult, Turn, cpu, median
from hub.errors import SettingError

_WIDTH: Final = 860
_NAMES: Final = 210
_BARS: Final = 420
_ROW: Final = 26
_HEAD: Final = 54
_MARGIN: Final = 20
_LINE: Final = 130  # letters
_STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.t{font-weight:bold}.n{fill:#666;font-size:11px}"
    ".hub{fill:#c8553d}.peer{fill:#8a9ba8}.range{stroke:#222;stroke-width:1.5}"
)


def draw(path: Path, result: PeersResult) -> None:
    """Raises SettingError when the file cannot be written."""
    parts: list[str] = []
    top = _MARGIN
    for shape in result.shapes:
        panel, height = _panel(shape, [t for t in result.turns if t.shape == shape.label], top)
        parts += panel
        top += height
    command = result.command if len(result.command) <= _LINE else f"{result.command[:_LINE]} ..."
    where = f"{result.machine.processor}, {result.machine.cores} cores; {result.date}"
    parts += [_text(_MARGIN, top + 4, where, "n"), _text(_MARGIN, top + 20, command, "n")]
    top += 16
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 24}" '
        f'viewBox="0 0 {_WIDTH} {top + 24}"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise SettingError(f"cannot write {path}: {error.strerror}", field="picture") from error


def _panel(shape: Shape, turns: list[Turn], top: int) -> tuple[list[str], int]:
    """A shape's bars, and the height they take."""
    found: dict[str, tuple[float, float, float]] = {}
    for name in dict.fromkeys(turn.server for turn in turns):
        own = [turn for turn in turns if turn.server == name]
        values = [value for turn in own if (value := cpu(turn)) is not None]
        middle = median(own, cpu)
        if middle is not None:
            found[name] = (middle, min(values), max(values))
    parts = [
        _text(_MARGIN, top + 14, shape.title, "t"),
        _text(_MARGIN, top + 32, "CPU time of the server for each delivery: median, least, greatest", "n"),
    ]
    names = sorted(found, key=lambda name: found[name][0])
    # A server that needs a hundred times as much would leave no room for the others: its bar is cut.
    ends = [found[name][2] for name in names]
    scale = min(max(ends, default=1.0), 6 * min(ends, default=1.0))
    for row, name in enumerate(names):
        middle, low, high = found[name]
        y = top + _HEAD + row * _ROW
        kind = "hub" if name == "hub" else "peer"
        long = _BARS * min(1.0, middle / scale)
        parts.append(_text(_MARGIN, y + 13, HOSTS[name].title, "t" if name == "hub" else ""))
        parts.append(f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{long:.1f}" height="18"/>')
        if high <= scale:
            begin, end = (_NAMES + _BARS * value / scale for value in (low, high))
            parts.append(f'<line class="range" x1="{begin:.1f}" x2="{end:.1f}" y1="{y + 9}" y2="{y + 9}"/>')
        cut = " (cut)" if middle > scale else ""
        hub = found.get("hub")
        times = f", {middle / hub[0]:.2f} x the hub" if hub and name != "hub" else ""
        parts.append(_text(_NAMES + _BARS + 10, y + 13, f"{middle:.1f} us{times}{cut}", ""))
    return parts, _HEAD + len(names) * _ROW + _MARGIN


def _text(x: int, y: int, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'
