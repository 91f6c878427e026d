"""Decides what becomes of alerts that were held: sent one by one, sent as a digest, or held further. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.schedules import Frequency, Schedule, next_digest

SEVERITIES: Final = ("INFO", "WARNING", "ALERT")
"""The most urgent last."""


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that waits to be sent to a channel."""

    channel: str
    event_id: str
    rule: str
    """That reported it. It may have been deleted."""
    severity: str
    schedule: Schedule
    """What the rule said when the time was decided."""
    present: Schedule
    """What it says now. A rule that is switched off or deleted collects nothing."""


@dataclass(frozen=True, slots=True)
class Later:
    """An alert that is held further, until another time."""

    held: Held
    send_time: dt.datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """What one rule has collected for one channel."""

    entries: Sequence[Held]
    frequency: Frequency
    """With which it was collected."""

    @property
    def severity(self) -> str:
        """The highest of its alerts."""
        return _highest(self.entries)


@dataclass(frozen=True, slots=True)
class Release:
    """What becomes of held alerts."""

    singles: Sequence[Held]
    digests: Sequence[Digest]
    later: Sequence[Later]


def decide_release(due: Iterable[Held], now: dt.datetime, zone: ZoneInfo) -> Release:
    """Decides about alerts whose time has come, or whose rule has changed.

    Args:
        due: those of one rule and channel follow each other.
        now: the present.
        zone: of the organization, for digests.
    """
    singles: list[Held] = []
    digests: list[Digest] = []
    later: list[Later] = []
    for _, group in groupby(due, key=lambda one: (one.rule, one.channel)):
        ready: list[Held] = []
        for one in group:
            is_changed = one.schedule != one.present
            moment = next_digest(one.present.frequency, now, zone) if is_changed else now
            (later.append(Later(one, moment)) if moment > now else ready.append(one))
        collected = [one for one in ready if one.schedule.frequency is not Frequency.AT_ONCE]
        singly = [one for one in ready if one.schedule.frequency is Frequency.AT_ONCE]
        for one in singly:
            moment = one.present.after_quiet_hours(one.severity, now)
            (later.append(Later(one, moment)) if moment > now else singles.append(one))
        if collected:
            moment = collected[0].present.after_quiet_hours(_highest(collected), now)
            if moment > now:
                later.extend(Later(one, moment) for one in collected)
            else:
                digests.append(Digest(collected, collected[0].schedule.frequency))
    return Release(singles, digests, later)


def _highest(entries: Sequence[Held]) -> str:
    return max((one.severity for one in entries), key=SEVERITIES.index)
