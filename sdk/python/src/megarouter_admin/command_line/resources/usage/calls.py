"""The commands `megarouter usage calls`, `usage call` and `usage refusals`."""

import enum
from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import (
    Call,
    GetCallRequest,
    ListCallsRequest,
    QueryRefusalsRequest,
    RefusalDimension,
    RefusalGroup,
    UsageFilter,
    UsageStatus,
    UsageTokens,
)

from megarouter_admin.command_line.parsing.commands import GroupOption, LimitOption, Section, command
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind, Row
from megarouter_admin.command_line.resources.usage.filters import (
    OfGroupOption,
    OfKeyOption,
    OfMemberOption,
    OfModelOption,
    TagOption,
    usage_filter,
)
from megarouter_admin.command_line.resources.usage.latencies import seconds
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import FromOption, UntilOption, percent
from megarouter_admin.command_line.resources.usage.unknown_names import remark_if_unknown
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import Collection, short_name
from megarouter_admin.command_line.values.times import moment_of

application = Section()

_TOKENS = (
    ("in", "text_input_token_count"),
    ("cached", "cache_read_token_count"),
    ("cached for 5 min", "cache_write_5m_token_count"),
    ("cached for 1 h", "cache_write_1h_token_count"),
    ("audio in", "audio_input_token_count"),
    ("images in", "image_input_token_count"),
    ("cached audio", "cache_read_audio_token_count"),
    ("out", "text_output_token_count"),
    ("reasoning", "reasoning_token_count"),
    ("audio out", "audio_output_token_count"),
    ("images out", "image_output_token_count"),
)


class Status(enum.StrEnum):
    """How a call ended."""

    SETTLED = "settled"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


_STATUSES = {
    Status.SETTLED: UsageStatus.USAGE_STATUS_SETTLED,
    Status.FAILED: UsageStatus.USAGE_STATUS_VOIDED,
    Status.UNCONFIRMED: UsageStatus.USAGE_STATUS_EXPIRED,
}
_WORDS = {value: status.value for status, value in _STATUSES.items()}


@command(
    application,
    "calls",
    "usage calls --since 24h",
    "usage calls --model gpt-4o-mini --status failed",
    "usage calls --member emma --tag project=search --limit 500",
)
def list_calls(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    member: OfMemberOption = "",
    key: OfKeyOption = "",
    group: OfGroupOption = "",
    model: OfModelOption = "",
    endpoint: Annotated[
        str, Option("--endpoint", metavar="NAME", text="Only of this endpoint, such as messages.")
    ] = "",
    status: Annotated[
        Status | None, Option("--status", text="Only those that ended so: settled, failed or unconfirmed.")
    ] = None,
    tag: TagOption = None,
    limit: LimitOption = 100,
) -> None:
    """List calls, the latest first: who called what, and what it cost. A call is listed about a second after its end."""
    kept = usage_filter(session, member=member, key=key, group=group, model=model, tag=tag)
    kept.endpoints.extend([endpoint] if endpoint else [])
    kept.statuses.extend([_STATUSES[status]] if status else [])
    request = ListCallsRequest(parent=session.organization, time_range=period(session, since, until), usage_filter=kept)
    calls = session.listed(session.router.usage.ListCalls, request, "calls", limit)
    zone = session.zone
    columns = [
        Column[Call]("when", lambda call: _second(call.place_time, zone)),
        Column[Call]("status", _status),
        Column[Call]("model", lambda call: call.model.removeprefix("models/")),
        Column[Call]("by", _owner),
        Column[Call]("key", lambda call: call.api_key_display_name or short_name(call.api_key)),
        Column[Call]("tokens", lambda call: call.token_count, Kind.NUMBER),
        Column[Call]("credits", lambda call: call.charge_nano_credits, Kind.AMOUNT),
        Column[Call](
            "took", lambda call: seconds(call.duration_ms) if call.HasField("duration_ms") else "", Kind.MEASURE
        ),
        *([Column[Call]("tags", _tags)] if any(call.tags for call in calls) else ()),
        Column[Call]("id", lambda call: short_name(call.name)),
    ]
    session.output.rows(columns, calls, "no calls")
    if not session.output.json:
        remark_if_unknown(session, kept, call_count=len(calls))
    session.output.total(
        calls,
        f"{len(calls):,} {'call' if len(calls) == 1 else 'calls'}, {sum(call.token_count for call in calls):,} tokens,"
        f" {format_credits(sum(call.charge_nano_credits for call in calls))} credits",
    )


class By(enum.StrEnum):
    """What refused calls are divided by."""

    REASON = "reason"
    GUARDRAIL = "guardrail"
    MEMBER = "member"
    KEY = "key"

    def value_of_api(self) -> "RefusalDimension.ValueType":
        """Returns the dimension as the API's enum value."""
        return RefusalDimension.Value(f"REFUSAL_DIMENSION_{'API_KEY' if self is By.KEY else self.name}")


@command(application, "refusals", "usage refusals --since 7d", "usage refusals --by member --reason budget_exhausted")
def show_refusals(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    by: Annotated[By, Option("--by", text="Divide by reason, guardrail, member or key.")] = By.REASON,
    reason: Annotated[
        list[str] | None, Option("--reason", metavar="CODE", text="Only for this reason, such as budget_exhausted.")
    ] = None,
    group: GroupOption = "",
    limit: Annotated[int, Option("--limit", metavar="N", minimum=1, text="Rows, at most 1000.")] = 20,
) -> None:
    """Show how many calls were refused, and as what share of all calls. They are statistics, which may miss some."""
    answer = session.router.usage.QueryRefusals(
        QueryRefusalsRequest(
            name=session.organization,
            time_range=period(session, since, until),
            group_by=[by.value_of_api()],
            usage_filter=UsageFilter(groups=[session.group(group)] if group else ()),
            reasons=reason or (),
            limit=limit,
        )
    )
    if session.output.json:
        session.output.one(answer, [])
        return
    columns = [
        Column[RefusalGroup](by, _refusal_label),
        Column[RefusalGroup]("refused", lambda one: one.refusal_count, Kind.NUMBER),
        Column[RefusalGroup]("share", lambda one: percent(one.share_basis_points), Kind.MEASURE),
        Column[RefusalGroup]("passed", lambda one: one.call_count, Kind.NUMBER),
        Column[RefusalGroup]("refused of all", lambda one: percent(one.rate_basis_points), Kind.MEASURE),
    ]
    session.output.rows(columns, answer.groups, "no refused calls")
    session.output.total(
        answer.groups,
        f"{answer.refusal_count:,} refused, {answer.call_count:,} passed: {percent(answer.rate_basis_points)} refused",
    )


def _refusal_label(group: RefusalGroup) -> str:
    (value,) = group.values
    return value.display_name or short_name(value.value) or "none"


@command(application, "call", "usage call hold-01kb8x5x3q9m0v4g2d7t6s1r8p")
def show_call(session: Session, call: Annotated[str, Argument("CALL", "Id of a call.")]) -> None:
    """Show one call with its prices, the limits that it was checked against, and its transfers of credit."""
    found = session.router.usage.GetCall(GetCallRequest(name=session.name(Collection.CALLS, call)))
    zone = session.zone
    session.output.one(found, _facts(found, zone))
    if session.output.json:
        return
    _show_table(session, "price", _PRICES, found.price_lines)
    _show_table(session, "limits", _limit_columns(zone), found.checked_limits)
    _show_table(session, "transfers", _transfer_columns(zone), found.transfers)


def _show_table(session: Session, title: str, columns: Sequence[Column[Row]], rows: Sequence[Row]) -> None:
    if rows:
        session.output.document(f"\n{title}\n")
        session.output.rows(columns, rows, "")


def _facts(call: Call, zone: ZoneInfo) -> Sequence[tuple[str, str]]:
    finding = call.finding.reason if call.HasField("finding") else ""
    return [
        ("id", short_name(call.name)),
        ("admitted", f"{_second(call.place_time, zone)} {zone.key}"),
        (
            "first byte",
            f"after {seconds(call.time_to_first_byte_ms)}" if call.HasField("time_to_first_byte_ms") else "",
        ),
        ("end", f"after {seconds(call.duration_ms)}" if call.HasField("duration_ms") else ""),
        ("settled", _second(call.settle_time, zone)),
        ("status", f"{_status(call)}: {call.detail.replace('_', ' ')}"),
        ("answer", f"HTTP {call.http_status}{', streamed' if call.streamed else ''}" if call.http_status else "none"),
        ("by", _owner(call)),
        ("group", " / ".join(name or short_name(group) for name, group in _groups(call))),
        ("key", call.api_key_display_name or short_name(call.api_key)),
        ("model", call.model.removeprefix("models/")),
        ("answered by", f"{call.answered_model or 'an unnamed model'} of {short_name(call.provider)}"),
        ("endpoint", call.endpoint),
        ("tier", ", ".join(filter(None, (call.service_tier, call.speed, call.place)))),
        ("tokens", f"{call.token_count:,}{_categories(call.tokens)}"),
        ("counted by", Call.Source.Name(call.source).removeprefix("SOURCE_").lower()),
        ("reserved", f"{format_credits(call.hold_nano_credits)} credits"),
        ("charged", f"{format_credits(call.charge_nano_credits)} credits{', corrected' if call.is_corrected else ''}"),
        ("tags", _tags(call)),
        ("finding", finding),
        ("contradicted", "; ".join(call.discrepancies)),
        ("trace", call.trace_id),
        ("request", call.request_id),
        ("provider's id", call.provider_response_id),
        ("ledger position", str(call.ledger_position)),
    ]


_PRICES: Sequence[Column[Call.PriceLine]] = (
    Column("what", lambda line: line.category.replace("_", " ")),
    Column("count", lambda line: line.count, Kind.NUMBER),
    Column("price", lambda line: line.price_nano_credits, Kind.AMOUNT),
    Column("credits", lambda line: line.amount_nano_credits, Kind.AMOUNT),
)


def _limit_columns(zone: ZoneInfo) -> Sequence[Column[Call.CheckedLimit]]:
    return (
        Column("guardrail", lambda limit: short_name(limit.guardrail)),
        Column(
            "limit",
            lambda limit: Call.CheckedLimit.Kind.Name(limit.kind).removeprefix("KIND_").lower().replace("_", " "),
        ),
        Column("models", lambda limit: limit.models or "all"),
        Column(
            "period from",
            lambda limit: _second(limit.period_start_time, zone) if limit.HasField("period_start_time") else "",
        ),
        Column("", lambda limit: "charged later" if limit.is_later else ""),
    )


def _transfer_columns(zone: ZoneInfo) -> Sequence[Column[Call.Transfer]]:
    return (
        Column("when", lambda transfer: _second(transfer.create_time, zone)),
        Column("transfer", lambda transfer: short_name(transfer.credit_transaction)),
        Column("kind", lambda transfer: "correction" if transfer.is_correction else "charge"),
        Column("credits", lambda transfer: transfer.charge_nano_credits, Kind.AMOUNT),
    )


def _groups(call: Call) -> Sequence[tuple[str, str]]:
    return list(zip(call.group_display_names, call.groups, strict=True))


def _owner(call: Call) -> str:
    return call.owner_display_name or short_name(call.member or call.service_account)


def _status(call: Call) -> str:
    return _WORDS[call.status]


def _tags(call: Call) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(call.tags.items()))


def _categories(tokens: UsageTokens) -> str:
    counts = [f"{count:,} {word}" for word, field in _TOKENS if (count := getattr(tokens, field))]
    return f" ({', '.join(counts)})" if counts else ""


def _second(moment: Timestamp, zone: ZoneInfo) -> str:
    return f"{moment_of(moment).astimezone(zone):%Y-%m-%d %H:%M:%S}"
