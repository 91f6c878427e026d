"""Decides what to do with the generations of an organization's rollups. Pure.

A change of the time zone, or a rebuild, adds a generation that follows the ledger from its start. Until it has caught up, the
current one is reported and kept up to date. Then one transaction puts the new one in its place.
"""

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GRACE: Final = dt.timedelta(minutes=10)
"""After the end of an hour, most of its calls have been settled."""
_HOUR: Final = dt.timedelta(hours=1)
NO_DAYS: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""No hour has been added to its day yet."""


class State(enum.StrEnum):
    """The states of a generation."""

    BUILDING = "BUILDING"
    CURRENT = "CURRENT"
    RETIRED = "RETIRED"


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of rollups."""

    number: int
    state: State
    time_zone: str
    sequence: int = 0
    days_until: dt.datetime = NO_DAYS
    """The instant before which hours are in days and months."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """An organization's ledger and the generations that follow it."""

    organization: str
    head: int
    time_zone: str
    """That of the organization."""
    generations: Sequence[Generation]

    @property
    def current(self) -> Generation | None:
        """The generation that is reported."""
        return next((one for one in self.generations if one.state is State.CURRENT), None)

    @property
    def building(self) -> Generation | None:
        """The generation that will replace the current one."""
        return next((one for one in self.generations if one.state is State.BUILDING), None)

    @property
    def lag_events(self) -> int:
        """Events that are not in the current generation."""
        return self.head - (self.current.sequence if self.current else 0)


def to_retire(ledger: Ledger) -> Generation | None:
    """Returns a generation that is being built for a time zone that the organization no longer has."""
    building = ledger.building
    return building if building is not None and building.time_zone != ledger.time_zone else None


def to_begin(ledger: Ledger) -> Generation | None:
    """Returns the generation to begin, if one is missing."""
    number = 1 + max((one.number for one in ledger.generations), default=0)
    if ledger.current is None:
        return Generation(number, State.CURRENT, ledger.time_zone)
    if ledger.building is None and ledger.current.time_zone != ledger.time_zone:
        return Generation(number, State.BUILDING, ledger.time_zone)
    return None


def has_hours_to_close(generation: Generation, now: dt.datetime) -> bool:
    """Returns whether an hour is over that may not be in its day yet."""
    return now - generation.days_until >= _HOUR + GRACE


def rebuilt(ledger: Ledger) -> Generation | None:
    """Returns the generation of a rebuild, None if one is being built already or the first one is not there yet."""
    if ledger.current is None or ledger.building is not None:
        return None
    number = 1 + max(one.number for one in ledger.generations)
    return Generation(number, State.BUILDING, ledger.time_zone)
