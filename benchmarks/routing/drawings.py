"""Draws what routers save at each loss of quality, as SVG."""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.routing.evaluation import Evaluated

_WIDTH: Final = 560
_HEIGHT: Final = 340
_LEFT: Final = 50
_TOP: Final = 36
_PLOT: Final = (400, 250)
_LOST_MAX: Final = 10.0
"""Percent of quality at the right edge."""
_COLORS: Final = ("#8a8f98", "#2563eb", "#d97706", "#9333ea", "#15803d")


def drawing(title: str, evaluated: Mapping[str, Evaluated]) -> str:
    """Returns a drawing of one pair: percent saved over percent of quality lost, a line for each router."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" font-size="13">{escape(title)}</text>',
        f'<clipPath id="plot"><rect x="{_LEFT}" y="{_TOP}" width="{_PLOT[0]}" height="{_PLOT[1]}"/></clipPath>',
    ]
    for percent in range(0, 101, 20):
        _, y = _place(0, percent)
        parts.append(f'<path d="M{_LEFT} {y} h{_PLOT[0]}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{percent}</text>')
    for percent in range(0, int(_LOST_MAX) + 1, 2):
        x, _ = _place(percent, 0)
        parts.append(f'<text x="{x}" y="{_TOP + _PLOT[1] + 16}" text-anchor="middle">{percent}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 12}">% of quality lost (across), % of cost saved (up)</text>')
    for index, (router, found) in enumerate(evaluated.items()):
        color = _COLORS[index % len(_COLORS)]
        points = " ".join("{},{}".format(*_place(lost, saved)) for lost, saved in found.curve)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2" clip-path="url(#plot)"/>'
        )
        y = _TOP + 12 + 18 * index
        parts.append(f'<path d="M{_LEFT + _PLOT[0] + 8} {y - 4} h14" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{_LEFT + _PLOT[0] + 26}" y="{y}">{escape(router)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _place(lost: float, saved: float) -> tuple[float, float]:
    x = _LEFT + _PLOT[0] * lost / _LOST_MAX
    return round(x, 1), round(_TOP + _PLOT[1] * (1 - saved / 100), 1)
