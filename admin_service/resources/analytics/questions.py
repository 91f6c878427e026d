"""Reads requests of `megarouter.admin.v1.Analytics`: what they ask, and of which calls the caller may see the usage."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import analytics_pb2
from megarouter.admin.v1.analytics_pb2 import UsageDimension, UsageFilter, UsageMetric, UsageStatus, UsageTree
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.access.permissions import Actor, visibility
from admin_service.analytics.query import (
    AnyDimension,
    Dimension,
    Filter,
    Granularity,
    Metric,
    Reach,
    TagDimension,
    Tree,
    UsageQuery,
)
from admin_service.analytics.reading import EARLIEST, LATEST
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.names import API_KEYS, GROUPS, MEMBERS, MODELS, PROVIDERS, SERVICE_ACCOUNTS, parse_name
from gateway_core.model.call_tags import TagsError, tag_name, tag_value

MAX_PERIOD: Final = dt.timedelta(days=400)
DEFAULT_LIMIT: Final = 20
LARGEST_PAGE: Final = 1_000
MODELS_IN_SUMMARY: Final = 100
CONSUMERS: Final = frozenset(
    {
        Dimension.MEMBER,
        Dimension.API_KEY,
        Dimension.MODEL,
        Dimension.GROUP,
        Dimension.GROUP_LEVEL_1,
        Dimension.GROUP_LEVEL_2,
        Dimension.GROUP_LEVEL_3,
        Dimension.GROUP_LEVEL_4,
    }
)
"""The dimensions that the list of top consumers has."""


def query_of(request: analytics_pb2.QueryUsageRequest, actor: Actor, now: dt.datetime) -> UsageQuery:
    """Returns the question of a QueryUsage request.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    start, end = period_of(request.time_range, now)
    granularity = analytics_pb2.UsageGranularity.Name(request.granularity).removeprefix("USAGE_GRANULARITY_")
    return UsageQuery(
        actor.organization,
        start,
        end,
        group_by=(
            *(_dimension("group_by", value) for value in request.group_by),
            *(_tag_dimension("group_by_tags", name) for name in request.group_by_tags),
        ),
        filter=filter_of(request.usage_filter, actor.organization),
        reach=reach_of(actor),
        granularity=Granularity[granularity] if request.granularity else Granularity.TOTAL,
        tree=tree_of(request.tree),
        order_by=_metric(request.metric),
        limit=request.limit or DEFAULT_LIMIT,
        compare_with_previous=request.compare_with_previous,
        with_latencies=request.with_latencies,
    )


def summary_query_of(request: analytics_pb2.GetUsageSummaryRequest, actor: Actor, now: dt.datetime) -> UsageQuery:
    """Returns the question of a GetUsageSummary request, by model.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    start, end = period_of(request.time_range, now)
    return UsageQuery(
        actor.organization,
        start,
        end,
        group_by=(Dimension.MODEL,),
        filter=filter_of(request.usage_filter, actor.organization),
        reach=reach_of(actor),
        tree=tree_of(request.tree),
        limit=MODELS_IN_SUMMARY,
        compare_with_previous=True,
        with_latencies=True,
    )


def consumers_query_of(request: analytics_pb2.ListTopConsumersRequest, actor: Actor, now: dt.datetime) -> UsageQuery:
    """Returns the question of a ListTopConsumers request.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    start, end = period_of(request.time_range, now)
    dimension = _consumers(request)
    if request.page_size < 0:
        raise invalid_fields(FieldViolation("page_size", "must not be negative"))
    return UsageQuery(
        actor.organization,
        start,
        end,
        group_by=(dimension,),
        filter=filter_of(request.usage_filter, actor.organization),
        reach=reach_of(actor),
        tree=tree_of(request.tree),
        order_by=_metric(request.metric),
        limit=min(request.page_size or DEFAULT_LIMIT, LARGEST_PAGE),
        compare_with_previous=request.compare_with_previous,
    )


def narrowed(
    time_range: TimeRange, usage_filter: UsageFilter, organization: str, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime, Filter]:
    """Returns the start, the end and the filter of a request.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    return *period_of(time_range, now), filter_of(usage_filter, organization)


def _consumers(request: analytics_pb2.ListTopConsumersRequest) -> AnyDimension:
    if request.tag and request.dimension:
        raise invalid_fields(FieldViolation("tag", "must be empty if there is a dimension"))
    if request.tag:
        return _tag_dimension("tag", request.tag)
    dimension = _dimension("dimension", request.dimension)
    if dimension not in CONSUMERS:
        raise invalid_fields(FieldViolation("dimension", "must be members, API keys, groups or models"))
    return dimension


def reach_of(actor: Actor) -> Reach:
    """Returns of which calls the actor sees the usage: all, those of the subtree, or their own."""
    visible = visibility(actor)
    if visible.group_path == ():
        return Reach()
    if visible.group_path is None:
        return Reach(member=visible.member)
    return Reach(group=visible.group_path[-1])


def period_of(time_range: TimeRange, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Returns the start and the end of a period, which ends now if it has no end.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    if not time_range.HasField("start_time"):
        raise _invalid_period("must have a start")
    start = _instant(time_range.start_time)
    end = _instant(time_range.end_time) if time_range.HasField("end_time") else now
    if start is None or end is None or not EARLIEST <= start <= LATEST or not EARLIEST <= end <= LATEST:
        raise _invalid_period(f"must be between the years {EARLIEST.year} and {LATEST.year}")
    if end <= start:
        raise _invalid_period("must end after its start")
    if end - start > MAX_PERIOD:
        raise _invalid_period(f"must have at most {MAX_PERIOD.days} days")
    return start, end


def _invalid_period(problem: str) -> Exception:
    return invalid_fields(FieldViolation("time_range", problem))


def _instant(message: Timestamp) -> dt.datetime | None:
    try:
        return message.ToDatetime(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def _dimension(field: str, value: int) -> Dimension:
    if not value:
        raise invalid_fields(FieldViolation(field, "must name a dimension"))
    return Dimension[UsageDimension.Name(value).removeprefix("USAGE_DIMENSION_")]  # type: ignore[arg-type] # was checked


def _tag_dimension(field: str, name: str) -> TagDimension:
    try:
        return TagDimension(tag_name(name))
    except TagsError as error:
        raise invalid_fields(FieldViolation(field, str(error))) from error


def _metric(value: UsageMetric.ValueType) -> Metric:
    return Metric[UsageMetric.Name(value).removeprefix("USAGE_METRIC_")] if value else Metric.CHARGE


def tree_of(value: UsageTree.ValueType) -> Tree:
    """Returns the tree that a request names."""
    return Tree[UsageTree.Name(value).removeprefix("USAGE_TREE_")] if value else Tree.AS_IT_WAS


def filter_of(message: UsageFilter, organization: str) -> Filter:
    """Returns the filter of a request.

    Raises:
        AdminError: INVALID_ARGUMENT: it has what is no such name of the organization.
    """

    def ids_in(*collections: str) -> Callable[[str], str | None]:
        def id_of(text: str) -> str | None:
            name = parse_name(text)
            fits = name is not None and name.organization == organization and name.collection in collections
            return name.resource_id if name is not None and fits else None

        return id_of

    return Filter(
        groups=_ids("groups", message.groups, ids_in(GROUPS)),
        members=_ids("members", message.members, ids_in(MEMBERS, SERVICE_ACCOUNTS)),
        api_keys=_ids("api_keys", message.api_keys, ids_in(API_KEYS)),
        models=_ids("models", message.models, _after(MODELS)),
        providers=_ids("providers", message.providers, _after(PROVIDERS)),
        endpoints=frozenset(message.endpoints),
        statuses=_ids("statuses", map(UsageStatus.Name, message.statuses), _status),
        tags=frozenset(_tag(index, text) for index, text in enumerate(message.tags)),
    )


def _tag(index: int, text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    try:
        return tag_name(name), tag_value(value)
    except TagsError as error:
        raise invalid_fields(FieldViolation(f"usage_filter.tags[{index}]", str(error))) from error


def _ids(field: str, texts: Iterable[str], id_of: Callable[[str], str | None]) -> frozenset[str]:
    """Returns the ids in names. It does not look anything up, so it cannot tell what exists."""
    ids = set()
    for index, text in enumerate(texts):
        found = id_of(text)
        if not found:
            raise invalid_fields(
                FieldViolation(f"usage_filter.{field}[{index}]", "is not such a name of the organization")
            )
        ids.add(found)
    return frozenset(ids)


def _after(collection: str) -> Callable[[str], str | None]:
    return lambda text: text.removeprefix(f"{collection}/") if text.startswith(f"{collection}/") else None


def _status(name: str) -> str | None:
    status = name.removeprefix("USAGE_STATUS_")
    return None if status == "UNSPECIFIED" else status
