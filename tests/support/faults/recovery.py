"""The figures of a run: recovery times and overspend. Pytest prints them at the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recovery:
    """How long recovery from a fault took, in seconds from the end of the fault."""

    fault: str
    first_call_s: float
    books_s: float
    note: str = ""


@dataclass(frozen=True)
class Overspend:
    """How much calls of unequal cost spent beyond a limit, and the documented bound. Amounts are in nano-credits."""

    scope: str
    served: int
    limit_nano_credits: int
    beyond_nano_credits: int
    bound_nano_credits: int


@dataclass
class Figures:
    """The figures collected during the run."""

    recoveries: list[Recovery] = field(default_factory=list)
    overspends: list[Overspend] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns the figures as Markdown tables."""
        return [*self._recovery_table(), *self._overspend_table(), *self.notes]

    def _recovery_table(self) -> Iterator[str]:
        if self.recoveries:
            yield from ("| fault | first served call | all recorded | |", "|---|---|---|---|")
        for row in self.recoveries:
            yield f"| {row.fault} | {row.first_call_s:.2f} s | {row.books_s:.2f} s | {row.note} |"

    def _overspend_table(self) -> Iterator[str]:
        if self.overspends:
            yield from ("| last credit of | served | limit | overspend | bound |", "|---|---|---|---|---|")
        for row in self.overspends:
            amounts = (row.limit_nano_credits, row.beyond_nano_credits, row.bound_nano_credits)
            yield f"| {row.scope} | {row.served} | " + " | ".join(f"{amount:,}" for amount in amounts) + " |"


FIGURES = Figures()
