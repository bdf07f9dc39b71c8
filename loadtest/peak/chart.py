"""Line charts as SVG, of seconds along the x axis; nothing of them comes from the network."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 900, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 12, 26
_COLOURS = ("#1769aa", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0f766e", "#be123c", "#475569")
_TICKS = 5
_MOST_POINTS = 1_200

Line = Sequence[float | None]


def chart(
    title: str, unit: str, lines: Mapping[str, Line], marks: Mapping[int, str], log: bool = False
) -> str:
    """A figure: value i of each line belongs to second i, None leaves a gap. `marks`: what happened in a second."""
    lines = {name: line for name, line in lines.items() if any(value is not None for value in line)}
    seconds = max((len(line) for line in lines.values()), default=1)
    axis = _Axis([value for line in lines.values() for value in line if value is not None], log)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts += _grid(axis, seconds)
    for second, note in marks.items():
        x = _x(second, seconds)
        parts.append(
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}">'
            f"<title>{escape(note)} ({second} s)</title></line>"
        )
    for colour, line in zip(_COLOURS, lines.values(), strict=False):
        parts.append(f'<path stroke="{colour}" d="{_path(line, axis, seconds)}"/>')
    parts.append("</svg>")
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for colour, name in zip(_COLOURS, lines, strict=False)
    )
    told = "".join(parts)
    return f"<figure><figcaption><b>{escape(title)}</b> ({escape(unit)}) {legend}</figcaption>{told}</figure>"


class _Axis:
    """The y axis: from 0, or of powers of ten."""

    def __init__(self, values: Sequence[float], log: bool) -> None:
        self._log = log
        values = [
            value for value in values if math.isfinite(value)
        ]  # what is beyond all bounds is drawn at the top
        top = max(values, default=1.0)
        if log:
            above = [value for value in values if value > 0]
            self._low = math.floor(math.log10(min(above, default=1.0)))
            self._high = max(self._low + 1, math.ceil(math.log10(max(above, default=1.0))))
            self.ticks = [10.0**power for power in range(self._low, self._high + 1)]
        else:
            step = _round_step(top / _TICKS)
            self.ticks = [step * number for number in range(math.ceil(top / step) + 1)] if top else [0.0, 1.0]

    def y(self, value: float) -> float:
        """Where a value is, from the top."""
        if self._log:
            power = min(math.log10(value), self._high) if value > 0 else self._low
            share = (power - self._low) / (self._high - self._low)
        else:
            share = value / self.ticks[-1]
        share = min(share, 1.0)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _grid(axis: _Axis, seconds: int) -> list[str]:
    parts = []
    for tick in axis.ticks:
        y = axis.y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    step = max(1, int(_round_step(seconds / 10)))
    for second in range(0, seconds + 1, step):
        x = _x(second, seconds)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{second} s</text>')
    return parts


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def _x(second: float, seconds: int) -> float:
    return _LEFT + second / max(1, seconds) * (_WIDTH - _LEFT - _RIGHT)


def _path(line: Line, axis: _Axis, seconds: int) -> str:
    """Of a long line the highest value of some neighbours, so that no peak is lost."""
    width = -(-len(line) // _MOST_POINTS)
    words, drawing = list[str](), False
    for first in range(0, len(line), max(1, width)):
        there = [value for value in line[first : first + width] if value is not None]
        if not there:
            drawing = False
            continue
        words.append(f"{'L' if drawing else 'M'}{_x(first + 0.5, seconds):.1f} {axis.y(max(there)):.1f}")
        if not drawing:
            words.append("h1")  # a single value is seen too
        drawing = True
    return " ".join(words)
