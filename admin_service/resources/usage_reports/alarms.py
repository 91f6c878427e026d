"""Alarms of unusual spend, as reports show them."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from admin_service.analytics.reports.report import UnusualSpend
from admin_service.resources.anomalies.store import AnomalyRow


def unusual_spend(alarms: Sequence[AnomalyRow], zone: ZoneInfo) -> tuple[UnusualSpend, ...]:
    """Returns the alarms by their local days, the largest of a day first. Days of one incident are one alarm."""
    incidents: dict[str, list[AnomalyRow]] = {}
    for alarm in alarms:
        incidents.setdefault(alarm.incident or alarm.anomaly, []).append(alarm)
    found = []
    for days in incidents.values():
        dates = [one.start_time.astimezone(zone).date() for one in days]
        found.append(
            UnusualSpend(
                min(dates),
                max(dates),
                days[0].scope_kind,
                days[0].scope_display_name or days[0].scope_id,
                sum(one.actual for one in days),
                sum(one.expected for one in days),
                sum(one.highest_usual for one in days),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.day, one.expected - one.actual)))
