"""Serves `megarouter.admin.v1.Analytics`."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import asyncpg
import grpc
from google.protobuf.message import Message
from megarouter.admin.v1 import analytics_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.analytics.answer import UsageAnswer
from admin_service.analytics.forecasting.hour_profiles import HourProfiles
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.names import names_of
from admin_service.analytics.query import InvalidQueryError, UsageQuery
from admin_service.analytics.reading import answer_in
from admin_service.analytics.replicas.reads import Reads
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.resources.analytics import messages
from admin_service.resources.analytics.forecasts import forecast_message
from admin_service.resources.analytics.questions import consumers_query_of, query_of, summary_query_of
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_FIELDS: Final = {"start": "time_range", "end": "time_range", "filter": "usage_filter"}
"""Fields of a request by those of a question, where they differ."""


class AnalyticsApi:
    """Answers questions about usage. Each answer is read in one snapshot, of the replica if one is near enough."""

    service = analytics_pb2.DESCRIPTOR.services_by_name["Analytics"]

    def __init__(self, reads: Reads, now: Callable[[], dt.datetime]) -> None:
        self._reads = reads
        self._now = now
        self._hour_profiles = HourProfiles()
        self.handlers: Mapping[str, Handle] = {
            "GetUsageForecast": self._read_by(self.get_forecast),
            "GetUsageSummary": self._read_by(self.get_summary),
            "ListTopConsumers": self._read_by(self.list_top_consumers),
            "QueryUsage": self._read_by(self.query_usage),
        }
        self.questions = frozenset(self.handlers)
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    def _read_by(self, answer: Callable[[asyncpg.Pool, Any, Caller], Awaitable[Message]]) -> Handle:
        async def handle(request: Any, caller: Any) -> Message:  # noqa: ANN401 - as every `Handle`
            return await self._reads.read(lambda pool: answer(pool, request, caller))

        return handle

    async def get_forecast(
        self, pool: asyncpg.Pool, request: analytics_pb2.GetUsageForecastRequest, caller: Caller
    ) -> analytics_pb2.UsageForecast:
        """GetUsageForecast returns what a scope will have spent at the end of its cycle."""
        organization = caller.actor.organization
        async with acting_for(pool, organization, isolation="repeatable_read") as connection:
            return await forecast_message(connection, request, caller, self._now(), self._hour_profiles)

    async def get_summary(
        self, pool: asyncpg.Pool, request: analytics_pb2.GetUsageSummaryRequest, caller: Caller
    ) -> analytics_pb2.UsageSummary:
        """GetUsageSummary returns totals, averages and the models in use."""
        query = summary_query_of(request, caller.actor, self._now())
        async with self._reading(pool, query) as connection:
            answer = await answer_in(connection, query)
            before = answer.previous_range
            if before is None:
                raise AssertionError("a summary compares")
            members = await member_counts(connection, query, query.start, query.end)
            in_all = replace(query, group_by=())
            members_before = await member_counts(connection, in_all, before.start, before.end)
        return messages.summary_message(query, answer, members, members_before)

    async def list_top_consumers(
        self, pool: asyncpg.Pool, request: analytics_pb2.ListTopConsumersRequest, caller: Caller
    ) -> analytics_pb2.ListTopConsumersResponse:
        """ListTopConsumers returns who or what used most, as far as the caller may see it."""
        if request.page_token:
            message = "The list has one page: leave page_token empty."
            raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.PAGE_TOKEN_INVALID, message)
        query = consumers_query_of(request, caller.actor, self._now())
        async with self._reading(pool, query) as connection:
            answer = await answer_in(connection, query)
            names = await _names(connection, query, answer)
        return messages.consumers_message(query, answer, names)

    async def query_usage(
        self, pool: asyncpg.Pool, request: analytics_pb2.QueryUsageRequest, caller: Caller
    ) -> analytics_pb2.QueryUsageResponse:
        """QueryUsage returns usage by dimensions and buckets of time, as far as the caller may see it."""
        query = query_of(request, caller.actor, self._now())
        async with self._reading(pool, query) as connection:
            answer = await answer_in(connection, query)
            names = await _names(connection, query, answer)
        return messages.query_message(query, answer, names)

    @asynccontextmanager
    async def _reading(self, pool: asyncpg.Pool, query: UsageQuery) -> AsyncIterator[Connection]:
        try:
            async with acting_for(pool, query.organization, isolation="repeatable_read") as connection:
                yield connection
        except InvalidQueryError as error:
            raise invalid_fields(FieldViolation(_FIELDS.get(error.field, error.field), str(error))) from error


async def _names(connection: Connection, query: UsageQuery, answer: UsageAnswer) -> messages.Names:
    shown = [group.values for group in answer.groups if group.values is not None]
    return {
        dimension: await names_of(
            connection, query.organization, dimension, {values[index] for values in shown}, query.end
        )
        for index, dimension in enumerate(query.group_by)
    }
