"""Figures of an evaluation: kept in a file, compared with the next evaluation, and quoted in a document as a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.routing.evaluation import ALLOWED_PERCENTS, Evaluated

FIGURES: Final = Path(__file__).with_name("figures.json")
DOCUMENT: Final = Path(__file__).parents[2] / "docs/concepts/routing-quality.md"
_NAMES: Final = ("whole", "quick")
"""Of the public data, and of its sample."""
_TOLERANCE_POINTS: Final = 0.2
"""Sums of floats differ a little between versions of Python."""

PairFigures = Mapping[str, Sequence[Sequence[float]]]
"""By router: saved, its interval, and lost, at each allowed loss."""
Figures = Mapping[str, PairFigures]
"""By pair."""


def figures_of(evaluated: Mapping[str, Evaluated]) -> PairFigures:
    """Returns the figures of one pair, rounded as they are shown."""
    return {
        router: [
            [round(value, 1) for value in (one.saved, *one.saved_interval)] + [round(one.lost, 2)]
            for one in found.savings
        ]
        for router, found in evaluated.items()
    }


def read_figures(name: str) -> Figures:
    """Returns stored figures: those of `whole` or `quick`."""
    stored: Figures = json.loads(FIGURES.read_text(encoding="utf-8"))[name]
    return stored


def write_figures(name: str, found: Figures) -> None:
    """Stores figures, and writes their table into the document."""
    stored = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    stored[name] = found
    FIGURES.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, after = _parts(text, name)
    DOCUMENT.write_text(f"{before}{table_of(found)}{after}", encoding="utf-8")


def worse_than(stored: Figures, found: Figures) -> Sequence[str]:
    """Returns what got worse: a saving that is lower, or a loss that is higher and no longer allowed."""
    problems = []
    for pair, routers in found.items():
        for router, rows in routers.items():
            known = stored.get(pair, {}).get(router)
            if known is None:
                problems.append(f"{pair}, {router}: there are no stored figures")
                continue
            for allowed, row, before in zip(ALLOWED_PERCENTS, rows, known, strict=True):
                where = f"{pair}, {router}, at {allowed:g} %"
                if row[0] < before[0] - _TOLERANCE_POINTS:
                    problems.append(f"{where}: saved {row[0]} %, stored {before[0]} %")
                if row[3] > max(before[3], allowed) + _TOLERANCE_POINTS:
                    problems.append(f"{where}: lost {row[3]} %, stored {before[3]} %")
    return problems


def misquoted() -> bool:
    """Returns whether the document says something else than the stored figures."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return any(_parts(text, name)[1] != table_of(read_figures(name)) for name in _NAMES)


def table_of(figures: Figures) -> str:
    """Returns the table for the document: for each router, saved at each allowed loss, and lost."""
    lines = [
        "| pair | router | " + " | ".join(f"saved at {one:g} %" for one in ALLOWED_PERCENTS) + " | really lost |",
        "|---|---|" + "---|" * (len(ALLOWED_PERCENTS) + 1),
    ]
    for pair, routers in figures.items():
        for router, rows in routers.items():
            cells = [f"{row[0]:.0f}" + (f" ({row[1]:.0f} to {row[2]:.0f})" if row[1] != row[2] else "") for row in rows]
            lost = " / ".join(f"{row[3]:.1f}" for row in rows)
            lines.append(f"| {pair} | {router} | " + " | ".join(cells) + f" | {lost} |")
    return "\n".join(lines) + "\n"


def _parts(text: str, name: str) -> tuple[str, str, str]:
    """Returns a text up to, within and after the place of a table."""
    begin, end = f"<!-- route-eval {name} -->\n", "<!-- end -->"
    before, found, rest = text.partition(begin)
    table, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{DOCUMENT.name} has no place for the table {name!r}")
    return before + begin, table, end + after
