"""What a step of the alerts of an organization begins with."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

ENTRIES_PER_STEP: Final = 500
"""Of the audit log. More are read in later steps."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An organization whose alerts this process decides about, and what is new in it."""

    organization: str
    zone: ZoneInfo
    sequence: int
    """Where the alerts are in the ledger."""
    head: int
    """The end of the ledger."""
    changes_until: dt.datetime | None
    """Since when guardrails, rules and refusals are looked at. None in the first step."""
    now: dt.datetime
    audit_sequence: int
    """Where the alerts are in the audit log."""
    has_entries: bool
    """Whether the audit log has entries after it."""
    audit_head: int
    """Its last entry."""
    audit_seen: int
    """What was its last entry in the step before."""
    has_changes: bool
    """Whether a guardrail or a rule changed; true in the first step."""
    has_refusals: bool
    """Whether calls were refused because of credit or request limits."""
    looked_until: dt.datetime | None
    """Until when time has been looked at. None before the first look."""
    has_lags: bool
    """Whether a source has failed, and has a position of its own."""
    next_look_time: dt.datetime | None
    """When to look at time again; None if that is due."""

    @property
    def has_ledger_events(self) -> bool:
        """Whether the ledger has grown."""
        return self.head > self.sequence

    @property
    def has_new_entries(self) -> bool:
        """Whether the audit log has grown. An entry with a smaller number that is visible later does not count."""
        return self.audit_head > self.audit_seen

    @property
    def is_look_due(self) -> bool:
        """Whether to look at what follows from the passing of time."""
        return self.next_look_time is None
