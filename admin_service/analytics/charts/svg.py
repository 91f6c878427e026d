"""Draws charts as SVG."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from admin_service.analytics.charts.stacked_bars import StackedBars, nice_ticks

PALETTE: Final = ("#2f5da8", "#e08a3c", "#3a9a8a", "#b8476b", "#7a68ae", "#c9a227", "#5f8f45", "#5aa5d6")
"""Told apart also by people who see colors differently: lightness alternates."""
OTHERS_COLOR: Final = "#b9c0ca"
_INK: Final = "#6b7480"
_LINE: Final = "#e3e6ea"
_BASE: Final = "#9aa3ad"
_FONT_SIZE: Final = 7.5
_LEFT: Final = 40.0
_BOTTOM: Final = 16.0
_TOP: Final = 6.0
_LARGEST_BAR: Final = 26.0
_FILL_OF_SLOT: Final = 0.74


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a drawing, in points."""

    width: float
    height: float


def color_of(index: int, *, is_others: bool) -> str:
    """Returns the color of a series."""
    return OTHERS_COLOR if is_others else PALETTE[index % len(PALETTE)]


def draw_stacked_bars(
    chart: StackedBars, colors: Iterable[str], size: Size, fonts: str, format_value: Callable[[int], str]
) -> str:
    """Returns the chart as SVG.

    Args:
        chart: what to draw.
        colors: one for each series.
        size: of the drawing.
        fonts: families, separated by commas.
        format_value: returns the label of a value on the axis.
    """
    ticks = nice_ticks(chart.highest)
    top = max(ticks[-1], 1)
    plot_height = size.height - _TOP - _BOTTOM
    slot = (size.width - _LEFT) / max(1, len(chart.bucket_labels))
    bar = min(_LARGEST_BAR, slot * _FILL_OF_SLOT)

    def y_of(value: int) -> float:
        return _TOP + plot_height * (1 - value / top)

    width, height = _number(size.width), _number(size.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}pt" height="{height}pt"',
        f' font-family="{escape(fonts)}" font-size="{_FONT_SIZE}">',
    ]
    for tick in ticks:
        y = _number(y_of(tick))
        stroke = _BASE if tick == 0 else _LINE
        parts.append(f'<path d="M{_number(_LEFT)} {y}H{_number(size.width)}" stroke="{stroke}" stroke-width="0.6"/>')
        parts.append(_text(_LEFT - 6, y_of(tick) + _FONT_SIZE * 0.35, "end", format_value(tick)))
    below = [0] * len(chart.bucket_labels)
    for series, color in zip(chart.series, colors, strict=True):
        path = ""
        for at, value in enumerate(series.values):
            if value > 0:
                x, high, low = _LEFT + slot * at + (slot - bar) / 2, y_of(below[at] + value), y_of(below[at])
                path += f"M{_number(x)} {_number(low)}V{_number(high)}h{_number(bar)}V{_number(low)}z"
                below[at] += value
        if path:
            parts.append(f'<path d="{path}" fill="{color}"/>')
    for at, label in enumerate(chart.bucket_labels):
        if label:
            center = _LEFT + slot * (at + 0.5)
            # A character is at most as wide as the font is high. A label that could reach beyond the drawing ends with it.
            overflows = center + len(label) * _FONT_SIZE / 2 > size.width
            x, anchor = (size.width, "end") if overflows else (center, "middle")
            parts.append(_text(x, size.height - 4, anchor, label))
    return "".join([*parts, "</svg>"])


def _text(x: float, y: float, anchor: str, label: str) -> str:
    return f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}" fill="{_INK}">{escape(label)}</text>'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
