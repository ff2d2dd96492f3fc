"""Bars as SVG, one for each figure, with the spread of its rounds: small enough to be written by hand."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from math import log10

from benchmarks.results import Result

_WIDTH, _LABELS, _FIGURES = 900, 360, 130
_ROW, _GAP, _TITLE = 18, 14, 26
_OWN, _OTHER, _INK = "#2563a8", "#a9b4c0", "#333"


def bars(title: str, rows: Sequence[Result]) -> str:
    """A chart of all rows, those of one workload and unit on one scale.

    The scale is logarithmic where the figures lie further apart than a bar can show.
    """
    body: list[str] = []
    y = _TITLE + _GAP
    for (workload, unit), group in groupby(rows, key=lambda row: (row.workload, row.unit)):
        shown = list(group)
        body.append(_text(8, y + 12, f"{workload}, {unit}", weight="bold"))
        y += _ROW + 2
        for row, line in zip(shown, _scaled(shown), strict=True):
            body += _bar(row, line, y)
            y += _ROW
        y += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, _text(8, 18, title, weight="bold", size=15), *body, "</svg>"]) + "\n"


def _bar(row: Result, line: tuple[float, float, float], y: int) -> Iterator[str]:
    room = _WIDTH - _LABELS - _FIGURES
    length, least, most = (max(1.0, part * room) for part in line)
    color = _OWN if row.subject.startswith("symbia-runtime") else _OTHER
    middle = y + 8
    yield _text(24, y + 12, row.subject)
    yield f'<rect x="{_LABELS}" y="{y + 2}" width="{length:.1f}" height="12" fill="{color}"/>'
    yield (
        f'<line x1="{_LABELS + least:.1f}" x2="{_LABELS + most:.1f}" y1="{middle}" y2="{middle}" stroke="{_INK}"/>'
    )
    yield _text(_WIDTH - _FIGURES + 8, y + 12, f"{row.median:,.{0 if row.median >= 100 else 2}f}")


def _scaled(rows: Sequence[Result]) -> Iterator[tuple[float, float, float]]:
    """For each row how long its bar is, and where its spread begins and ends, as parts of the room."""
    values = [value for row in rows for value in row.rounds if value > 0] or [1.0]
    top, bottom = max(values), min(values)
    is_logarithmic = top / bottom > 50
    floor = log10(bottom) - 0.5

    def part(value: float) -> float:
        if value <= 0:
            return 0.0
        return (log10(value) - floor) / (log10(top) - floor) if is_logarithmic else value / top

    for row in rows:
        yield part(row.median), part(min(row.rounds)), part(max(row.rounds))


def _text(x: int, y: int, text: str, *, weight: str = "normal", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}" font-size="{size}">{escape(text)}</text>'
