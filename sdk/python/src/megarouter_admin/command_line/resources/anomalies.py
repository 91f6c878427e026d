"""The commands `megarouter anomalies`."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo

from megarouter.admin.v1.messages import (
    AcknowledgeAnomalyRequest,
    Anomaly,
    AnomalyPart,
    GetAnomalyRequest,
    ListAnomaliesRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    SinceOption,
    command,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.filters import all_of
from megarouter_admin.command_line.values.names import Collection, short_name, short_scope
from megarouter_admin.command_line.values.times import moment_of, parse_moment

application = Section()

AnomalyArgument = Annotated[str, Argument(metavar="ANOMALY", text="Its id or name.")]


class Verdict(enum.StrEnum):
    """What an anomaly was."""

    PLANNED = "planned"
    WRONG = "wrong"
    RIGHT = "right"

    def value_of_api(self) -> "Anomaly.Verdict.ValueType":
        """Returns the API's enum value."""
        return Anomaly.Verdict.Value(f"VERDICT_{self.name}")


@command(application, "list", "anomalies list", "anomalies list --all --since 2026-11-01")
def list_anomalies(
    session: Session,
    since: SinceOption = "",
    filter_text: FilterOption = "",
    limit: LimitOption = 100,
    *,
    acknowledged: Annotated[bool, Option("--all", text="Also those that were acknowledged or withdrawn.")] = False,
) -> None:
    """List unusual spend, the latest first: a line for days in a row of one spender. What an anomaly explains is not listed."""
    moment = f"start_time >= {parse_moment(since, session.now).isoformat().replace('+00:00', 'Z')}" if since else ""
    request = ListAnomaliesRequest(
        parent=session.organization, filter=all_of("" if acknowledged else "state = OPEN", moment, filter_text)
    )
    anomalies = session.listed(session.router.anomalies.ListAnomalies, request, "anomalies", limit)
    if session.output.json:
        session.output.rows([], anomalies, "")
        return
    zone = session.zone
    columns = [
        Column[_Incident]("anomaly", lambda incident: short_name(incident.largest.name)),
        Column[_Incident]("when", lambda incident: incident.when(zone)),
        Column[_Incident]("who", lambda incident: _who(incident.largest)),
        Column[_Incident]("spent", lambda incident: sum(day.actual_nano_credits for day in incident.days), Kind.AMOUNT),
        Column[_Incident](
            "expected", lambda incident: sum(day.expected_nano_credits for day in incident.days), Kind.AMOUNT
        ),
        Column[_Incident]("mostly", lambda incident: _cause(incident.largest.excess)),
        Column[_Incident]("model", lambda incident: _first(incident.largest.models)),
    ]
    if acknowledged:
        columns.append(Column[_Incident]("state", lambda incident: _state(incident.largest)))
    session.output.rows(columns, _incidents(anomalies), "no unusual spend")


@command(application, "show", "anomalies show anomaly-01abc")
def show(session: Session, anomaly: AnomalyArgument) -> None:
    """Show an anomaly: what was expected, and which members, keys and models the excess comes from."""
    name = session.name(Collection.ANOMALIES, anomaly)
    _show(session, session.router.anomalies.GetAnomaly(GetAnomalyRequest(name=name)))


@command(
    application,
    "acknowledge",
    "anomalies acknowledge anomaly-01abc planned --note 'load test'",
    "anomalies acknowledge anomaly-01abc wrong",
)
def acknowledge(
    session: Session,
    anomaly: AnomalyArgument,
    verdict: Annotated[
        Verdict,
        Argument(
            metavar="VERDICT",
            text="planned: the day does not teach what is usual. wrong: a false alarm, so fewer are reported. right: it was real.",
        ),
    ],
    note: Annotated[str, Option("--note", metavar="TEXT", text="Why, for others.")] = "",
    *,
    only_day: Annotated[bool, Option("--only-day", text="Not also for the other days of the incident.")] = False,
) -> None:
    """Say what unusual spend was: all open days in a row of this spender. It counts for the days that are judged from now on."""
    name = session.name(Collection.ANOMALIES, anomaly)
    api = session.router.anomalies
    answered = api.AcknowledgeAnomaly(AcknowledgeAnomalyRequest(name=name, verdict=verdict.value_of_api(), note=note))
    if answered.incident and not only_day:
        request = ListAnomaliesRequest(
            parent=session.organization, filter=f'incident = "{answered.incident}" AND state = OPEN'
        )
        for other in session.listed(api.ListAnomalies, request, "anomalies", 0):
            # Someone may have answered it since. The etag keeps that answer.
            api.AcknowledgeAnomaly(
                AcknowledgeAnomalyRequest(name=other.name, verdict=verdict.value_of_api(), note=note, etag=other.etag)
            )
    _show(session, answered)


@dataclass(frozen=True, slots=True)
class _Incident:
    """Anomalies of one spender on days in a row, the latest first."""

    days: Sequence[Anomaly]

    @property
    def largest(self) -> Anomaly:
        """The one with the largest excess."""
        return max(self.days, key=lambda day: day.excess.excess_nano_credits)

    def when(self, zone: ZoneInfo) -> str:
        """Returns the day, or the first and the last one."""
        first, last = _when(self.days[-1], zone), _when(self.days[0], zone)
        return first if first == last else f"{first} to {last}"


def _incidents(anomalies: Iterable[Anomaly]) -> list[_Incident]:
    """Puts the days of each incident together, in the order of their first ones."""
    found: dict[str, list[Anomaly]] = {}
    for anomaly in anomalies:
        # A withdrawn one is part of none.
        found.setdefault(anomaly.incident or anomaly.name, []).append(anomaly)
    return [
        _Incident(sorted(days, key=lambda day: day.time_range.start_time.seconds, reverse=True))
        for days in found.values()
    ]


def _show(session: Session, anomaly: Anomaly) -> None:
    excess = anomaly.excess
    usual = (
        f"{format_credits(anomaly.lowest_usual_nano_credits)} to {format_credits(anomaly.highest_usual_nano_credits)}"
    )
    session.output.one(
        anomaly,
        [
            ("anomaly", short_name(anomaly.name)),
            ("when", _when(anomaly, session.zone)),
            ("who", f"{_who(anomaly)} ({short_scope(anomaly.scope)})"),
            ("spent", format_credits(anomaly.actual_nano_credits)),
            ("expected", f"{format_credits(anomaly.expected_nano_credits)}, usual {usual}"),
            ("excess", format_credits(excess.excess_nano_credits)),
            ("by more calls", format_credits(excess.volume_nano_credits)),
            ("by larger calls", format_credits(excess.size_nano_credits)),
            ("by price or models", format_credits(excess.price_nano_credits)),
            ("explains", ", ".join(map(short_scope, anomaly.explained_scopes))),
            ("state", _state(anomaly)),
            ("note", anomaly.note),
        ],
    )
    if session.output.json:
        return
    parts = [
        *(("member", part) for part in anomaly.members),
        *(("key", part) for part in anomaly.api_keys),
        *(("model", part) for part in anomaly.models),
    ]
    session.output.document("\n")
    session.output.rows(
        [
            Column("by", lambda row: row[0]),
            Column("", lambda row: _label(row[1])),
            Column("excess", lambda row: row[1].excess_nano_credits, Kind.AMOUNT),
            Column("more calls", lambda row: row[1].volume_nano_credits, Kind.AMOUNT),
            Column("larger calls", lambda row: row[1].size_nano_credits, Kind.AMOUNT),
            Column("price or models", lambda row: row[1].price_nano_credits, Kind.AMOUNT),
        ],
        parts,
        "no parts",
    )


def _when(anomaly: Anomaly, zone: ZoneInfo) -> str:
    start = moment_of(anomaly.time_range.start_time).astimezone(zone)
    return f"{start:%Y-%m-%d %H:%M}" if anomaly.granularity == Anomaly.GRANULARITY_HOUR else f"{start:%Y-%m-%d}"


def _who(anomaly: Anomaly) -> str:
    return anomaly.scope_display_name or short_name(anomaly.scope)


def _cause(excess: AnomalyPart) -> str:
    """Returns which of the three parts is the largest."""
    parts = {
        "more calls": excess.volume_nano_credits,
        "larger calls": excess.size_nano_credits,
        "price or models": excess.price_nano_credits,
    }
    return max(parts, key=lambda name: parts[name])


def _first(parts: Sequence[AnomalyPart]) -> str:
    largest = max(parts, key=lambda part: part.excess_nano_credits, default=None)
    return "" if largest is None else _label(largest)


def _label(part: AnomalyPart) -> str:
    value = part.value
    if part.is_other:
        return "all others"
    name = value.value.removeprefix("models/") if value.value.startswith("models/") else short_name(value.value)
    return value.display_name or name


def _state(anomaly: Anomaly) -> str:
    if anomaly.state == Anomaly.STATE_ACKNOWLEDGED:
        verdict = label(Anomaly.Verdict.Name(anomaly.verdict), "VERDICT_")
        return f"{verdict} ({anomaly.acknowledger_display_name})"
    return label(Anomaly.State.Name(anomaly.state), "STATE_")
