"""Answers about usage as messages. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from megarouter.admin.v1 import analytics_pb2
from megarouter.admin.v1.analytics_pb2 import (
    LatencyRange,
    ModelUse,
    TopConsumer,
    UsageAsOf,
    UsageAverages,
    UsageGroup,
    UsageLatencies,
    UsageMeasures,
    UsagePoint,
    UsageTokens,
    UsageValue,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.analytics import answer as answers
from admin_service.analytics.answer import MemberCounts, UsageAnswer
from admin_service.analytics.names import UsageName
from admin_service.analytics.query import AnyDimension, Dimension, UsageQuery
from admin_service.analytics.rollup_choice import GROUP_LEVELS
from admin_service.api.names import API_KEYS, GROUPS, MODELS, PROVIDERS, ResourceName, owner_name
from admin_service.api.timestamps import timestamp

SUMMARY: Final = "usageSummary"
WHOLE_BASIS_POINTS: Final = 10_000
Names = Mapping[AnyDimension, Mapping[str, UsageName]]
"""The names of the values of each dimension, by id."""


def query_message(query: UsageQuery, answer: UsageAnswer, names: Names) -> analytics_pb2.QueryUsageResponse:
    """Returns the answer to a QueryUsage request."""
    message = analytics_pb2.QueryUsageResponse(
        groups=[_group(query, group, names) for group in answer.groups],
        group_count=answer.group_count,
        buckets=[_range(bucket) for bucket in answer.buckets],
        total=_measures(answer.total),
        time_zone=answer.time_zone,
        as_of=_as_of(answer),
        complete=answer.complete,
    )
    _add_previous(message, answer)
    return message


def consumers_message(query: UsageQuery, answer: UsageAnswer, names: Names) -> analytics_pb2.ListTopConsumersResponse:
    """Returns the answer to a ListTopConsumers request."""
    message = analytics_pb2.ListTopConsumersResponse(
        top_consumers=[_consumer(query, group, answer, names) for group in answer.groups if not group.is_other],
        total=_measures(answer.total),
        consumer_count=answer.group_count,
        time_zone=answer.time_zone,
        as_of=_as_of(answer),
        complete=answer.complete,
    )
    _add_previous(message, answer)
    return message


def _add_previous(
    message: analytics_pb2.QueryUsageResponse | analytics_pb2.ListTopConsumersResponse, answer: UsageAnswer
) -> None:
    if answer.previous is not None and answer.previous_range is not None:
        message.previous_total.CopyFrom(_measures(answer.previous))
        message.previous_time_range.CopyFrom(_range(answer.previous_range))


def summary_message(
    query: UsageQuery, answer: UsageAnswer, members: MemberCounts, members_before: MemberCounts
) -> analytics_pb2.UsageSummary:
    """Returns the answer to a GetUsageSummary request, which is by model and compares."""
    if answer.previous is None or answer.previous_range is None:
        raise AssertionError("a summary compares")
    return analytics_pb2.UsageSummary(
        name=str(ResourceName(query.organization, SUMMARY)),
        time_range=TimeRange(start_time=timestamp(query.start), end_time=timestamp(query.end)),
        total=_measures(answer.total),
        averages=_averages(answer.total, members),
        models=[_model_use(group, answer.total, members) for group in answer.groups if _is_in_period(group)],
        model_count=answer.group_count,
        previous_time_range=_range(answer.previous_range),
        previous_total=_measures(answer.previous),
        previous_averages=_averages(answer.previous, members_before),
        time_zone=answer.time_zone,
        as_of=_as_of(answer),
        complete=answer.complete,
    )


def basis_points(part: int, whole: int) -> int:
    """Returns a share in hundredths of a percent, rounded half up; 0 of nothing."""
    return rounded(part * WHOLE_BASIS_POINTS, whole)


def rounded(amount: int, parts: int) -> int:
    """Divides, rounding half up; 0 if there are no parts."""
    return (2 * amount + parts) // (2 * parts) if parts > 0 else 0


def _is_in_period(group: answers.UsageGroup) -> bool:
    """Whether a group has calls in the period. The group of all others may have them only in the period before."""
    return group.total.call_count + group.total.voided_call_count > 0


def _model_use(group: answers.UsageGroup, total: answers.Measures, members: MemberCounts) -> ModelUse:
    model = group.values[0] if group.values else ""
    member_count = 0 if group.is_other else members.by_value.get(model, 0)
    return ModelUse(
        model=f"{MODELS}/{model}" if model else "",
        is_other=group.is_other,
        total=_measures(group.total),
        member_count=member_count,
        call_share_basis_points=basis_points(group.total.call_count, total.call_count),
        charge_share_basis_points=basis_points(group.total.charge_nano_credits, total.charge_nano_credits),
        member_share_basis_points=basis_points(member_count, members.total),
    )


def _averages(total: answers.Measures, members: MemberCounts) -> UsageAverages:
    return UsageAverages(
        active_member_count=members.total,
        token_count_per_member=rounded(total.tokens, members.total),
        charge_nano_credits_per_member=rounded(total.charge_nano_credits, members.total),
        charge_nano_credits_per_call=rounded(total.charge_nano_credits, total.call_count),
    )


def _consumer(query: UsageQuery, group: answers.UsageGroup, answer: UsageAnswer, names: Names) -> TopConsumer:
    (consumer,) = _values(query, group.values or (), names)
    return TopConsumer(
        consumer=consumer,
        total=_measures(group.total),
        previous_total=None if group.previous is None else _measures(group.previous),
        charge_share_basis_points=basis_points(group.total.charge_nano_credits, answer.total.charge_nano_credits),
        token_share_basis_points=basis_points(group.total.tokens, answer.total.tokens),
    )


def _group(query: UsageQuery, group: answers.UsageGroup, names: Names) -> UsageGroup:
    return UsageGroup(
        values=_values(query, group.values or (), names),
        is_other=group.is_other,
        total=_measures(group.total),
        points=map(_point, group.series),
        previous_total=None if group.previous is None else _measures(group.previous),
    )


def _values(query: UsageQuery, values: Sequence[str], names: Names) -> list[UsageValue]:
    found = []
    for dimension, value in zip(query.group_by, values, strict=False):
        message = UsageValue(value=_value_name(query.organization, dimension, value))
        if name := names.get(dimension, {}).get(value):
            message.display_name, message.is_deleted = name.display_name, name.is_deleted
        found.append(message)
    return found


def _value_name(organization: str, dimension: AnyDimension, value: str) -> str:
    if not value:
        return ""
    if dimension is Dimension.MEMBER:
        return str(owner_name(organization, value))
    if dimension is Dimension.API_KEY:
        return str(ResourceName(organization, API_KEYS, value))
    if dimension is Dimension.GROUP or dimension in GROUP_LEVELS:
        return str(ResourceName(organization, GROUPS, value))
    prefixes: Mapping[AnyDimension, str] = {Dimension.MODEL: f"{MODELS}/", Dimension.PROVIDER: f"{PROVIDERS}/"}
    return prefixes.get(dimension, "") + value


def tokens_message(measures: answers.Measures) -> UsageTokens:
    """Returns tokens by category."""
    return UsageTokens(
        input_token_count=measures.all_input_tokens,
        output_token_count=measures.all_output_tokens,
        text_input_token_count=measures.input_tokens,
        cache_read_token_count=measures.cache_read_tokens,
        cache_write_5m_token_count=measures.cache_write_5m_tokens,
        cache_write_1h_token_count=measures.cache_write_1h_tokens,
        audio_input_token_count=measures.input_audio_tokens,
        image_input_token_count=measures.input_image_tokens,
        cache_read_audio_token_count=measures.cache_read_audio_tokens,
        text_output_token_count=measures.output_tokens,
        reasoning_token_count=measures.reasoning_tokens,
        audio_output_token_count=measures.output_audio_tokens,
        image_output_token_count=measures.output_image_tokens,
    )


def _measures(measures: answers.Measures) -> UsageMeasures:
    return UsageMeasures(
        call_count=measures.call_count,
        voided_call_count=measures.voided_call_count,
        unconfirmed_call_count=measures.unconfirmed_call_count,
        token_count=measures.tokens,
        tokens=tokens_message(measures),
        charge_nano_credits=measures.charge_nano_credits,
        baseline_nano_credits=measures.baseline_nano_credits,
        correction_count=measures.correction_count,
        correction_nano_credits=measures.correction_nano_credits,
        durations=_latencies(measures.durations),
        first_bytes=_latencies(measures.first_bytes),
    )


def _latencies(latencies: answers.Latencies | None) -> UsageLatencies | None:
    if latencies is None:
        return None
    ranges = {f"p{percent}": _latency_range(latencies.percentile(percent)) for percent in (50, 90, 99)}
    return UsageLatencies(call_count=latencies.call_count, **ranges)


def _latency_range(found: answers.LatencyRange | None) -> LatencyRange | None:
    return None if found is None else LatencyRange(at_least_ms=found.at_least_ms, below_ms=found.below_ms or 0)


def _point(measures: answers.Measures) -> UsagePoint:
    return UsagePoint(
        call_count=measures.call_count,
        input_token_count=measures.all_input_tokens,
        output_token_count=measures.all_output_tokens,
        charge_nano_credits=measures.charge_nano_credits,
    )


def _range(bucket: answers.Bucket) -> TimeRange:
    return TimeRange(start_time=timestamp(bucket.start), end_time=timestamp(bucket.end))


def _as_of(answer: UsageAnswer) -> UsageAsOf:
    return UsageAsOf(ledger_position=answer.as_of.sequence, read_time=timestamp(answer.as_of.time))
