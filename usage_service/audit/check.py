"""A check of the audit and its result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One guarantee, and the query that returns every row that breaks it.

    The columns of the query are: organization id or NULL, the row in words, the fault.
    """

    name: str
    invariants: str
    promise: str
    tables: tuple[str, ...]
    """The tables whose rows the check examines."""
    query: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks a guarantee."""

    organization: str | None
    row: str
    fault: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    name: str
    invariants: str
    promise: str
    examined: int
    breach_count: int
    breaches: tuple[Breach, ...]
    """A bounded number of the breaches."""
    duration_s: float
