"""When alerts are sent, as people write and read it: severities, digests and quiet hours."""

from __future__ import annotations

import enum
from typing import Final

from megarouter.admin.v1.messages import Notification, NotificationRule, QuietHours

from megarouter_admin.command_line.parsing.commands import label

_NAMES: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class SeverityChoice(enum.StrEnum):
    """How urgent alerts are."""

    AUTO = "auto"
    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"

    @property
    def value_in_api(self) -> Notification.Severity.ValueType:
        """The value of the API."""
        name = "UNSPECIFIED" if self is SeverityChoice.AUTO else self.name
        return Notification.Severity.Value(f"SEVERITY_{name}")


class FrequencyChoice(enum.StrEnum):
    """How often alerts are sent."""

    AT_ONCE = "at-once"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def value_in_api(self) -> NotificationRule.Frequency.ValueType:
        """The value of the API."""
        return NotificationRule.Frequency.Value(f"FREQUENCY_{self.name}")


def quiet_hours(text: str, days: str, zone: str, *, alerts_pass: bool) -> QuietHours | None:
    """Returns quiet hours from how people write them; None for no quiet hours.

    Args:
        text: such as `22:00-07:00`; `none` or empty for none.
        days: such as `mon,tue`; empty for all.
        zone: an IANA time zone; empty for that of the organization.
        alerts_pass: whether alerts of the highest severity are sent nevertheless.

    Raises:
        ValueError: the text is not understood.
    """
    if text in {"", "none"}:
        return None
    start, separator, end = text.partition("-")
    if not separator:
        raise ValueError(f"{text!r} is no span of the day: write 22:00-07:00, or none")
    return QuietHours(
        start=_time(start), end=_time(end), days=_days(days), time_zone=zone.strip(), alerts_pass=alerts_pass
    )


def quiet_hours_text(rule: NotificationRule) -> str:
    """Returns the quiet hours of a rule as people read them; empty without any."""
    if not rule.HasField("quiet_hours"):
        return ""
    quiet = rule.quiet_hours
    days = ", ".join(_DAYS[int(day) - 1] for day in quiet.days)
    words = [f"{quiet.start}-{quiet.end}", days, quiet.time_zone, "alerts pass" if quiet.alerts_pass else ""]
    return " ".join(filter(None, words))


def severity_text(rule: NotificationRule) -> str:
    """Returns the severity of a rule as people read it."""
    return label(Notification.Severity.Name(rule.severity), "SEVERITY_") if rule.severity else "auto"


def frequency_text(rule: NotificationRule) -> str:
    """Returns how often a rule sends, as people read it."""
    return label(NotificationRule.Frequency.Name(rule.frequency), "FREQUENCY_") if rule.frequency else "at once"


def _time(text: str) -> str:
    hour, _, minute = text.strip().partition(":")
    if not (hour.isdecimal() and (minute or "0").isdecimal() and int(hour) < 24 and int(minute or 0) < 60):
        raise ValueError(f"{text.strip()!r} is no time of the day: write 22:00")
    return f"{int(hour):02d}:{int(minute or 0):02d}"


def _days(text: str) -> list[QuietHours.Day.ValueType]:
    found = []
    for word in filter(None, (part.strip().lower()[:3] for part in text.split(","))):
        if word not in _DAYS:
            raise ValueError(f"{text!r} are no days of the week: write {','.join(_DAYS[:2])}")
        found.append(QuietHours.Day.Value(f"DAY_{_NAMES[_DAYS.index(word)]}"))
    return found
