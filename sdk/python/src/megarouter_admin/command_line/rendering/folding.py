"""Tables with cells that are folded into several lines, or with characters that take no place or two."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table

from megarouter_admin.command_line.rendering.tables import DrawnColumn


def folded_lines(columns: Sequence[DrawnColumn], width: int, *, colours: bool) -> list[str]:
    """The lines of a table that is at most `width` places wide, without blanks at the ends of lines."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column.cells[0], overflow="fold", no_wrap=not column.may_fold)
    for row in zip(*(column.cells[1:] for column in columns), strict=True):
        drawn.add_row(*row)
    out = StringIO()
    # Names are not markup: what looks like a tag or an emoji in one stays as it is.
    console = Console(
        file=out, width=width, markup=False, emoji=False, highlight=False, force_terminal=colours, no_color=not colours
    )
    console.print(drawn)
    return [line.rstrip() for line in out.getvalue().splitlines()]
