"""Reads questions about refused calls, and answers them as messages."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.usage_pb2 import RefusalDimension as DimensionMessage
from megarouter.admin.v1.usage_pb2 import RefusalValue

from admin_service.access.permissions import Actor
from admin_service.analytics.names import names_of
from admin_service.analytics.query import Dimension, Filter, UsageQuery
from admin_service.analytics.reading import answer_in
from admin_service.analytics.refusals import RefusalDimension, RefusalGroup, RefusalQuery, answer_refusals
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.guardrail_names import guardrail_name
from admin_service.api.names import API_KEYS, ResourceName, owner_name
from admin_service.resources.analytics.messages import Names, basis_points
from admin_service.resources.analytics.questions import DEFAULT_LIMIT, filter_of, period_of, reach_of
from gateway_core.contract.metadata import REASONS
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

_NAMED: Final = {
    RefusalDimension.MEMBER: Dimension.MEMBER,
    RefusalDimension.API_KEY: Dimension.API_KEY,
}


def query_of(request: usage_pb2.QueryRefusalsRequest, actor: Actor, now: dt.datetime) -> RefusalQuery:
    """Returns the question of a request.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    start, end = period_of(request.time_range, now)
    kept = filter_of(request.usage_filter, actor.organization)
    if kept != Filter(groups=kept.groups, members=kept.members, api_keys=kept.api_keys):
        raise invalid_fields(FieldViolation("usage_filter", "may have only groups, members and API keys"))
    for index, reason in enumerate(request.reasons):
        if reason not in REASONS:
            raise invalid_fields(FieldViolation(f"reasons[{index}]", "is not the code of an error that refuses a call"))
    return RefusalQuery(
        actor.organization,
        start,
        end,
        group_by=tuple(map(_dimension, request.group_by)),
        filter=kept,
        reasons=frozenset(request.reasons),
        reach=reach_of(actor),
        limit=request.limit or DEFAULT_LIMIT,
    )


async def answer_of(connection: Connection, query: RefusalQuery) -> usage_pb2.QueryRefusalsResponse:
    """Answers a question in one snapshot of the database."""
    answer = await answer_refusals(connection, query)
    names: Names = {
        _NAMED[dimension]: await names_of(
            connection,
            query.organization,
            _NAMED[dimension],
            {group.values[index] for group in answer.groups},
            query.end,
        )
        for index, dimension in enumerate(query.group_by)
        if dimension in _NAMED
    }
    call_count = await _calls(connection, query, query.filter)
    own_calls = await _own_calls(connection, query, answer.groups)
    groups = []
    for group in answer.groups:
        calls = next((own_calls.get(value, 0) for value in _caller(query, group)), call_count)
        groups.append(
            usage_pb2.RefusalGroup(
                values=[
                    _value(query.organization, dimension, value, names)
                    for dimension, value in zip(query.group_by, group.values, strict=True)
                ],
                refusal_count=group.call_count,
                share_basis_points=basis_points(group.call_count, answer.call_count),
                call_count=calls,
                rate_basis_points=basis_points(group.call_count, group.call_count + calls),
            )
        )
    return usage_pb2.QueryRefusalsResponse(
        groups=groups,
        group_count=answer.group_count,
        refusal_count=answer.call_count,
        call_count=call_count,
        rate_basis_points=basis_points(answer.call_count, answer.call_count + call_count),
    )


def _dimension(value: DimensionMessage.ValueType) -> RefusalDimension:
    if not value:
        raise invalid_fields(FieldViolation("group_by", "must name a dimension"))
    return RefusalDimension[DimensionMessage.Name(value).removeprefix("REFUSAL_DIMENSION_")]


def _caller_dimension(query: RefusalQuery) -> RefusalDimension | None:
    """Returns the narrowest dimension that names callers."""
    return next((one for one in (RefusalDimension.API_KEY, RefusalDimension.MEMBER) if one in query.group_by), None)


def _caller(query: RefusalQuery, group: RefusalGroup) -> Sequence[str]:
    """Returns the id of the group's caller, if it has one."""
    dimension = _caller_dimension(query)
    value = "" if dimension is None else group.values[query.group_by.index(dimension)]
    return [value] if value else []


async def _own_calls(connection: Connection, query: RefusalQuery, groups: Sequence[RefusalGroup]) -> Mapping[str, int]:
    """Returns the calls that passed, by the ids of the callers of groups."""
    dimension = _caller_dimension(query)
    ids = frozenset(value for group in groups for value in _caller(query, group))
    if dimension is None or not ids:
        return {}
    kept = (
        replace(query.filter, api_keys=ids)
        if dimension is RefusalDimension.API_KEY
        else replace(query.filter, members=ids)
    )
    answer = await answer_in(connection, _usage(query, kept, (_NAMED[dimension],), limit=len(ids)))
    return {group.values[0]: group.total.call_count for group in answer.groups if group.values}


async def _calls(connection: Connection, query: RefusalQuery, kept: Filter) -> int:
    return (await answer_in(connection, _usage(query, kept))).total.call_count


def _usage(query: RefusalQuery, kept: Filter, group_by: tuple[Dimension, ...] = (), limit: int = 1) -> UsageQuery:
    return UsageQuery(
        query.organization, query.start, query.end, group_by=group_by, filter=kept, reach=query.reach, limit=limit
    )


def _value(organization: str, dimension: RefusalDimension, value: str, names: Names) -> RefusalValue:
    if not value or dimension is RefusalDimension.REASON:
        return RefusalValue(value=value)
    if dimension is RefusalDimension.GUARDRAIL:
        kind, _, scope_id = value.partition(":")
        return RefusalValue(value=str(guardrail_name(organization, Scope(ScopeKind(kind), scope_id))))
    known = names.get(_NAMED[dimension], {}).get(value)
    is_key = dimension is RefusalDimension.API_KEY
    name = ResourceName(organization, API_KEYS, value) if is_key else owner_name(organization, value)
    return RefusalValue(value=str(name), display_name=known.display_name if known else "")
