"""How many connections and calls each Envoy accepts at a time, as operators change it."""

from dataclasses import asdict
from typing import Final

import asyncpg
from megarouter.admin.v1 import catalog_change_pb2 as pb

from admin_service.access.authorization import OperatorCaller
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.etags import check_etag, etag_of
from admin_service.resources.catalog_changes import store
from admin_service.resources.catalog_changes.confirmation import Made, confirm
from admin_service.serving.change_transaction import Change
from gateway_core.model.deployments.listener_limits import MAX_CONNECTIONS, ListenerLimits
from gateway_core.stores.postgres.connections import Connection

NAME: Final = "listenerLimits"
_READ: Final = "SELECT model_connections, admin_connections, concurrent_provider_calls FROM listener_limits"
_PUT: Final = """
INSERT INTO listener_limits (model_connections, admin_connections, concurrent_provider_calls) VALUES ($1, $2, $3)
ON CONFLICT (is_set) DO UPDATE SET model_connections = excluded.model_connections,
    admin_connections = excluded.admin_connections, concurrent_provider_calls = excluded.concurrent_provider_calls
"""


class ListenerLimitsHandlers:
    """The handlers of the two methods."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Prepares the handlers. `pool` is logged in as admin_service's role."""
        self._pool = pool

    async def get(self, request: pb.GetListenerLimitsRequest, _caller: OperatorCaller) -> pb.ListenerLimits:
        """GetListenerLimits returns the limits in force."""
        _check_name(request.name)
        async with self._pool.acquire() as connection:
            return _message(await find_limits(connection))

    async def replace(self, request: pb.ReplaceListenerLimitsRequest, change: Change) -> pb.ListenerLimits:
        """ReplaceListenerLimits replaces all limits. What the request does not set gets its default."""
        _check_name(request.name)
        await store.lock_catalog(change.connection)
        before = await find_limits(change.connection)
        check_etag(request.etag, _etag(before))
        after = ListenerLimits(
            **{field.name: number for field, number in request.ListFields() if field.name in asdict(before)}
        )
        if after.model_connections + after.admin_connections > MAX_CONNECTIONS:
            words = f"must be at most {MAX_CONNECTIONS} together with admin_connections ({after.admin_connections})"
            raise invalid_fields(FieldViolation("model_connections", words))
        message = _message(after)
        if after == before:
            return message
        await _put(change.connection, after)
        change.record_for_operators(NAME, _message(before), message)
        number = await store.add_version(change.connection, change.caller.user, change.method, NAME)
        change.after_commit = lambda: confirm(self._pool, Made(number))
        return message


async def find_limits(connection: Connection) -> ListenerLimits:
    """Returns the limits in force: those that an operator has set, or the defaults."""
    row = await connection.fetchrow(_READ)
    return ListenerLimits() if row is None else ListenerLimits(*row)


async def _put(connection: Connection, limits: ListenerLimits) -> None:
    await connection.execute(_PUT, limits.model_connections, limits.admin_connections, limits.concurrent_provider_calls)


def _message(limits: ListenerLimits) -> pb.ListenerLimits:
    return pb.ListenerLimits(name=NAME, etag=_etag(limits), **asdict(limits))


def _etag(limits: ListenerLimits) -> str:
    return etag_of(limits.model_connections, limits.admin_connections, limits.concurrent_provider_calls)


def _check_name(name: str) -> None:
    if name != NAME:
        raise invalid_fields(FieldViolation("name", f"must be {NAME}"))
