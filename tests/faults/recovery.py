"""The figures of a run: what a fault cost in time, and what a bound came to. Printed when pytest ends."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recovery:
    """Seconds from the end of a fault."""

    fault: str
    first_call_s: float
    books_s: float
    note: str = ""


@dataclass
class Figures:
    """Collected over the run."""

    recoveries: list[Recovery] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A table for people, in Markdown."""
        table = ["| fault | first served call | books equal | |", "|---|---|---|---|"]
        table += [f"| {r.fault} | {r.first_call_s:.2f} s | {r.books_s:.2f} s | {r.note} |" for r in self.recoveries]
        return [*(table if self.recoveries else []), *self.notes]


FIGURES = Figures()
