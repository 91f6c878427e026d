"""How many connections and calls each Envoy accepts at a time, and how large and long calls may be, as operators change it."""

from dataclasses import asdict, astuple, fields, replace
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
_FIELDS: Final = tuple(field.name for field in fields(ListenerLimits))
"""Also the names of the columns, and of the fields in both messages."""
_READ: Final = f"SELECT {', '.join(_FIELDS)} FROM listener_limits"  # noqa: S608 - our own names
_PUT: Final = f"""
INSERT INTO listener_limits ({", ".join(_FIELDS)}) VALUES ({", ".join(f"${place}" for place in range(1, len(_FIELDS) + 1))})
ON CONFLICT (is_set) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _FIELDS)}
"""  # noqa: S608 - our own names


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
            **{field.name: number for field, number in request.ListFields() if field.name in _FIELDS}
        )
        if not request.HasField("call_idle_seconds"):
            after = replace(after, call_idle_seconds=min(after.call_idle_seconds, after.call_duration_seconds))
        if after.model_connections + after.admin_connections > MAX_CONNECTIONS:
            words = f"must be at most {MAX_CONNECTIONS} together with admin_connections ({after.admin_connections})"
            raise invalid_fields(FieldViolation("model_connections", words))
        if after.call_idle_seconds > after.call_duration_seconds:
            words = f"must be at most call_duration_seconds ({after.call_duration_seconds})"
            raise invalid_fields(FieldViolation("call_idle_seconds", words))
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
    await connection.execute(_PUT, *astuple(limits))


def _message(limits: ListenerLimits) -> pb.ListenerLimits:
    return pb.ListenerLimits(name=NAME, etag=_etag(limits), **asdict(limits))


def _etag(limits: ListenerLimits) -> str:
    return etag_of(*astuple(limits))


def _check_name(name: str) -> None:
    if name != NAME:
        raise invalid_fields(FieldViolation("name", f"must be {NAME}"))
