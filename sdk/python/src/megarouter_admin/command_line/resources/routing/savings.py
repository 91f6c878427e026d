"""The command `megarouter routing savings`."""

from megarouter.admin.v1.messages import (
    HoldoutEstimate,
    QualityMeasure,
    QueryRoutingSavingsRequest,
    RoutingSavings,
)

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import FromOption, UntilOption
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits

application = Section()


@command(application, "savings", "routing savings", "routing savings --since 2026-11-01 --until 2026-12-01")
def show_savings(session: Session, since: FromOption = "", until: UntilOption = "") -> None:
    """Show what routing saved against the baselines, or cost more, and what a comparison shows of cost and quality."""
    request = QueryRoutingSavingsRequest(name=session.organization, time_range=period(session, since, until))
    answer = session.router.routing_policies.QueryRoutingSavings(request)
    if session.output.json:
        session.output.one(answer, [])
        return
    rows = [
        ("simple", answer.simple),
        ("complex", answer.complex),
        ("overall", answer.overall),
        ("shadow (not saved)", answer.shadow),
    ]
    session.output.rows(_COLUMNS, rows, "")
    session.output.document(f"\n{_compared(answer.holdout)}\n")
    measures = [one for one in answer.quality if one.routed_session_count and one.held_out_session_count]
    if measures:
        session.output.document("\n")
        session.output.rows(_MEASURES, measures, "")


def _share(savings: RoutingSavings) -> str:
    if not savings.baseline_nano_credits:
        return ""
    return f"{100 * savings.saved_nano_credits / savings.baseline_nano_credits:.1f}%"


def _compared(found: HoldoutEstimate) -> str:
    sessions = f"{found.routed_session_count:,} routed, {found.held_out_session_count:,} held out"
    if not found.HasField("saved_basis_points"):
        return f"Too few conversations to compare ({sessions})."
    saved, low, high = (
        f"{points / 100:.1f}%"
        for points in (found.saved_basis_points, found.saved_basis_points_low, found.saved_basis_points_high)
    )
    length = (
        f" Routed answers are {found.output_basis_points / 10_000:.2f} times as long."
        if found.HasField("output_basis_points")
        else ""
    )
    return f"By comparison, a routed conversation cost {saved} less ({low} to {high}; {sessions}).{length}"


_NAMES = {
    "rated_bad": "a bad rating",
    "asked_again": "asked again",
    "refused": "refused",
    "truncated": "cut off",
    "abandoned": "abandoned",
    "troubled": "one of the four above",
    "failed": "provider failed",
}


def _rate(bad: int, count: int) -> str:
    return f"{100 * bad / count:.1f}% of {count:,}"


def _difference(measure: QualityMeasure) -> str:
    points = (
        measure.difference_basis_points,
        measure.difference_basis_points_low,
        measure.difference_basis_points_high,
    )
    value, low, high = (f"{one / 100:+.1f}%" for one in points)
    return f"{value} ({low} to {high})"


_MEASURES = (
    Column[QualityMeasure]("conversations with", lambda one: _NAMES.get(one.name, one.name)),
    Column[QualityMeasure](
        "routed", lambda one: _rate(one.routed_bad_session_count, one.routed_session_count), Kind.MEASURE
    ),
    Column[QualityMeasure](
        "held out", lambda one: _rate(one.held_out_bad_session_count, one.held_out_session_count), Kind.MEASURE
    ),
    Column[QualityMeasure]("difference", _difference, Kind.MEASURE),
)
_COLUMNS = (
    Column[tuple[str, RoutingSavings]]("calls to virtual models", lambda row: row[0]),
    Column[tuple[str, RoutingSavings]]("calls", lambda row: row[1].call_count, Kind.NUMBER),
    Column[tuple[str, RoutingSavings]](
        "with the baseline", lambda row: format_credits(row[1].baseline_nano_credits), Kind.MEASURE
    ),
    Column[tuple[str, RoutingSavings]]("saved", lambda row: format_credits(row[1].saved_nano_credits), Kind.MEASURE),
    Column[tuple[str, RoutingSavings]]("share", lambda row: _share(row[1]), Kind.MEASURE),
    Column[tuple[str, RoutingSavings]]("unknown", lambda row: row[1].unknown_call_count, Kind.NUMBER),
)
