"""The result as one HTML page with drawings: no script, no font, nothing loaded from anywhere."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

from bench.report import cell

if TYPE_CHECKING:
    from bench.report import Chart, Findings, Report, Table, Value

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 30, 44
_COLOURS: Final = ("#c8553d", "#2d6a9f", "#4f8a5b", "#8a6bb0", "#b8860b", "#5a6b75")
_STYLE: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;color:#222;max-width:1180px;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right;"
    "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}"
    "caption{text-align:left;font-weight:bold;white-space:nowrap}td.words{text-align:left}.bad{color:#b00020;font-weight:bold}.note{color:#8a6d00}"
    ".dim{color:#666;font-size:12px}svg{margin:.5em 1em .5em 0}svg text{font:12px sans-serif;fill:#333}"
)


def page(report: Report, findings: Findings) -> str:
    """The whole page."""
    head = f"<h1>{escape(report.bench)}</h1><p class=dim>{escape(report.command)}<br>{escape(report.date)}"
    where = report.machine
    head += (
        f"<br>{escape(where.processor)}, {where.cores} cores, {where.memory_gib} GiB, {escape(where.system)}"
    )
    for line in report.servers:
        head += f"<br>{escape(line)}"
    parts = [head + "</p>"]
    parts += [f"<p class=bad>{escape(words)}</p>" for words in report.broken]
    if findings.good and not findings.wrong:
        parts.append(f"<p>{escape(findings.good)}</p>")
    parts += [draw(chart) for chart in findings.charts if any(chart.series.values())]
    parts += [_table(table) for table in findings.tables]
    parts += [f"<p class=note>{escape(words)}</p>" for words in report.notes]
    title = escape(f"bench {report.bench}")
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>{''.join(parts)}\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column.title)}</th>" for column in table.columns)
    body = "".join(
        "<tr>" + "".join(_cell(row.get(column.key), column.digits) for column in table.columns) + "</tr>"
        for row in table.rows
    )
    return f"<table><caption>{escape(table.title)}</caption><tr>{head}</tr>{body}</table>"


def _cell(value: Value, digits: int) -> str:
    kind = " class=words" if isinstance(value, str) else ""
    return f"<td{kind}>{escape(cell(value, digits))}</td>"


def draw(chart: Chart) -> str:
    """Bars when x is a name, lines otherwise; y begins at 0."""
    points = [point for line in chart.series.values() for point in line]
    top = _round_up(max((y for _, y in points), default=1.0))
    named = any(isinstance(x, str) for x, _ in points)
    parts = [_text(_LEFT, 16, chart.title, "start", bold=True)]
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, _number(value), "end"))
    parts += _bars(chart, top) if named else _lines(chart, top)
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 4, chart.x, "end"))
    parts.append(_text(_LEFT - 6, 16, chart.y, "end"))
    for place, name in enumerate(chart.series if len(chart.series) > 1 else ()):
        x = _LEFT + 10 + 130 * place
        parts.append(f'<rect x="{x}" y="{_HEIGHT - 13}" width="10" height="10" fill="{_colour(place)}"/>')
        parts.append(_text(x + 14, _HEIGHT - 4, name, "start"))
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _lines(chart: Chart, top: float) -> list[str]:
    places = sorted({float(x) for line in chart.series.values() for x, _ in line})
    low, high = places[0], places[-1]

    def at(x: float) -> float:
        share = (x - low) / (high - low) if high > low else 0.5
        return _LEFT + 10 + (_WIDTH - _LEFT - _RIGHT - 20) * share

    parts = []
    for place, line in enumerate(chart.series.values()):
        drawn = [(at(float(x)), _y(y, top)) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_colour(place)}" stroke-width="2"/>')
        if len(line) <= 30:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_colour(place)}"/>' for x, y in drawn]
    shown = places if len(places) <= 6 else [low, (low + high) / 2, high]
    return parts + [_text(at(x), _HEIGHT - _BOTTOM + 16, _number(x), "middle") for x in shown]


def _bars(chart: Chart, top: float) -> list[str]:
    names = list(dict.fromkeys(str(x) for line in chart.series.values() for x, _ in line))
    room = (_WIDTH - _LEFT - _RIGHT) / max(1, len(names))
    wide = 0.8 * room / len(chart.series)
    parts = []
    for place, line in enumerate(chart.series.values()):
        for name, y in line:
            x = _LEFT + names.index(str(name)) * room + 0.1 * room + place * wide
            high = _HEIGHT - _BOTTOM - _y(y, top)
            box = f'x="{x:.1f}" y="{_y(y, top):.1f}" width="{wide:.1f}" height="{high:.1f}"'
            parts.append(
                f'<rect {box} fill="{_colour(place)}"><title>{escape(str(name))}: {y:g}</title></rect>'
            )
    letters = max(4, int(room / 6.5))
    return parts + [
        _text(_LEFT + (number + 0.5) * room, _HEIGHT - _BOTTOM + 16, name[:letters], "middle")
        for number, name in enumerate(names)
    ]


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _round_up(value: float) -> float:
    """The next number that is easy to divide by four."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value * 0.999999)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"


def _text(x: float, y: float, words: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
