"""What a check is, and what it found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and the query that gives every row that breaks it.

    The query's columns: organization id or NULL, the row in words, what is wrong with it.
    """

    name: str
    invariants: str
    promise: str
    tables: tuple[str, ...]
    """Whose rows are examined."""
    query: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks a promise."""

    organization: str | None
    row: str
    fault: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    invariants: str
    promise: str
    examined: int
    breach_count: int
    breaches: tuple[Breach, ...]
    """The first of them, a bounded number."""
    duration_s: float
