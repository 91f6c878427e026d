"""Draws tables whose cells must wrap, or that contain characters of zero or double width."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table

from megarouter_admin.command_line.rendering.tables import DrawnColumn


def folded_lines(columns: Sequence[DrawnColumn], width: int, *, colors: bool) -> list[str]:
    """Returns the lines of a table that is at most `width` characters wide, without trailing spaces."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column.cells[0], overflow="fold", no_wrap=not column.may_fold)
    for row in zip(*(column.cells[1:] for column in columns), strict=True):
        drawn.add_row(*row)
    out = StringIO()
    # Names are not markup: rich must not interpret tags or emoji codes in them.
    console = Console(
        file=out, width=width, markup=False, emoji=False, highlight=False, force_terminal=colors, no_color=not colors
    )
    console.print(drawn)
    return [line.rstrip() for line in out.getvalue().splitlines()]
