"""Runs changes. One transaction authorizes the caller, locks the organization, makes the change and writes the audit log.

A repeated request gets the remembered answer. The changes of one organization run one after another. Therefore every race between
admins (the last seat, the last Super Admin, a group moved below itself) has exactly one outcome. The price is a limit of some
hundred changes a second for each organization.
"""

import asyncio
import dataclasses
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import (
    Asked,
    Caller,
    OperatorCaller,
    UserCaller,
    authorize,
    authorize_operator,
    authorize_user,
    require_still_allowed,
)
from admin_service.access.directory import Grant, Membership
from admin_service.access.permissions import Permission
from admin_service.access.rpc_declarations import Method
from admin_service.api.errors import AdminError
from admin_service.serving.audit_entries import Author, json_of
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.organization_wall import act_for, acting_for

logger = logging.getLogger(__name__)

REPLAY_LIFE_H: Final = 24
FORGET_INTERVAL_S: Final = 3_600.0
_MAX_FORGET_BATCHES: Final = 100

_CREATE_ORGANIZATION: Final = "megarouter.admin.v1.Organizations/CreateOrganization"
_LOCK_ORGANIZATION: Final = "SELECT state FROM organizations WHERE organization_id = $1 FOR NO KEY UPDATE"
_REVISION: Final = "SELECT revision FROM identity_revisions_of($1)"
_LOCK_USER: Final = "SELECT 1 FROM users WHERE user_id = $1 FOR NO KEY UPDATE"
_FIND_REPLAY: Final = """
SELECT request_hash, response FROM request_replays
 WHERE user_id = $1 AND method = $2 AND request_id = $3 AND create_time > now() - make_interval(hours => $4)
"""
_REMEMBER: Final = """
INSERT INTO request_replays (user_id, method, request_id, request_hash, response) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, method, request_id) DO UPDATE
SET request_hash = excluded.request_hash, response = excluded.response, create_time = now()
WHERE request_replays.create_time <= now() - make_interval(hours => $6)
RETURNING true
"""
_FORGET: Final = """
DELETE FROM request_replays WHERE (user_id, method, request_id) IN (
    SELECT user_id, method, request_id FROM request_replays WHERE create_time <= now() - make_interval(hours => $1) LIMIT $2)
"""
_FORGET_ONE: Final = "DELETE FROM request_replays WHERE user_id = $1 AND method = $2 AND request_id = $3"
_WHILE_NOT_ACTIVE: Final = frozenset({Permission.ORGANIZATIONS_SUSPEND, Permission.ORGANIZATIONS_DELETE})
"""Permissions of the changes that are allowed in a suspended or deleted organization."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a change notes for the audit log."""

    organization: str | None
    """None: it concerns the whole deployment."""
    resource: str
    before: Message | None
    after: Message | None
    group_path: tuple[str, ...]
    membership: Membership | None


@dataclass(slots=True)
class Change:
    """The context of a change, for its handler."""

    connection: Connection
    """A connection in a transaction. A failure rolls everything back."""
    caller: Any
    """A `Caller`; a `UserCaller` if the RPC is about the calling user, an `OperatorCaller` if it is for operators."""
    method: str
    request_id: str
    repeat_answer: Message | None = None
    """The answer to a repeated request, if it differs from the first: a secret is shown only once."""
    after_commit: Callable[[], Awaitable[None]] | None = None
    """Runs when the change is stored. If it fails, it has undone the change."""
    _entries: list["_Entry"] = field(default_factory=list)
    _operator_entries: list["_Entry"] = field(default_factory=list)
    """What only the operators' log gets by `write_audit_log`."""

    def record(
        self,
        resource: object,
        before: Message | None,
        after: Message | None,
        *,
        group_path: Sequence[str] = (),
        organization: str | None = None,
        membership: Membership | None = None,
    ) -> None:
        """Notes a change for the audit log.

        Args:
            resource: its name.
            before: the resource before; None if it is new.
            after: the resource now; None if it is gone.
            group_path: path of the group it is about, or of the member's group. The admins of that group see the entry.
            organization: id; by default that of the membership, or else of the RPC.
            membership: the caller's, if the RPC is not about its organization.
        """
        where = organization or (membership and membership.organization) or self.caller.resource.organization
        self._entries.append(_Entry(where, str(resource), before, after, tuple(group_path), membership))

    def record_for_operators(self, resource: object, before: Message | None, after: Message | None) -> None:
        """Notes a change by an operator of which no organization's audit log hears, or whose entries there the handler writes."""
        where = self.caller.resource.organization if self.caller.resource else None
        self._operator_entries.append(_Entry(where, str(resource), before, after, (), None))

    @property
    def _is_by_operator(self) -> bool:
        """Whether the operators' log gets the change too."""
        if isinstance(self.caller, OperatorCaller):
            return True
        return self.method == _CREATE_ORGANIZATION and bool(self.caller.grant.is_operator)

    @property
    def own_group_path(self) -> tuple[str, ...]:
        """Path of the caller's own group, so that a group admin sees what they did to something outside the tree."""
        return self.caller.actor.group_path if isinstance(self.caller, Caller) else ()

    async def act_for(self, organization: str) -> None:
        """Locks and enters an organization that the request does not name, because the change creates or joins it.

        Raises:
            LookupError: the organization does not exist.
        """
        await act_for(self.connection, [organization])
        if await lock_organization(self.connection, organization) is None:
            raise LookupError(f"no organization {organization}")

    @asynccontextmanager
    async def attempt(self, *, keep: bool = True) -> AsyncIterator[None]:
        """Runs a part of the change whose failure does not end the rest.

        Its writes and notes are undone if it raises, or without `keep`.
        """
        noted = len(self._entries)
        savepoint = self.connection.transaction()
        await savepoint.start()
        try:
            yield
        except BaseException:
            await savepoint.rollback()
            del self._entries[noted:]
            raise
        if keep:
            await savepoint.commit()
        else:
            await savepoint.rollback()
            del self._entries[noted:]

    async def write_audit_log(self) -> None:
        """Writes the noted changes. Those that an operator makes also go into the operators' own log."""
        author = Author.of(self.caller, self.method, self.request_id)
        for entry in self._entries:
            if entry.organization is None:
                raise AssertionError("the change names no organization")
            own = author.as_member(entry.membership) if entry.membership else author
            texts = (json_of(entry.before), json_of(entry.after))
            await own.write(self.connection, entry.organization, entry.resource, *texts, entry.group_path)
        for entry in [*(self._entries if self._is_by_operator else ()), *self._operator_entries]:
            texts = (json_of(entry.before), json_of(entry.after))
            await author.write_for_operators(self.connection, entry.organization, entry.resource, *texts)


MakeChange = Callable[[Any, Change], Awaitable[Message]]
RecordRefusal = Callable[[Asked, Connection, str], Awaitable[None]]
"""Records that a call was refused, with the reason, in a transaction of its own."""


class Changes:
    """Runs changes."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self, asked: Asked, make: MakeChange, validate: Callable[[], None]) -> Message:
        """Makes the change, or returns the remembered answer to a repeated request (INV-15).

        Args:
            asked: the call.
            make: makes the change.
            validate: checks the request. It runs once the caller is authorized.

        Raises:
            AdminError: from the change, which is then rolled back.
        """
        method, request = asked.method, asked.request
        async with acting_for(self._pool, *([] if method.is_for_users else asked.organizations)) as connection:
            asked = await _joined(connection, asked)
            caller = await _locked(connection, asked, validate)
            request_id = str(getattr(request, "request_id", ""))
            key = (caller.grant.user, method.full_name, request_id.lower() + _confinement(method, caller.grant))
            digest = _digest(request)
            if request_id and (answer := await _replayed(connection, key, digest, method)) is not None:
                if isinstance(caller, Caller):
                    await require_still_allowed(connection, method, answer, caller)
                return answer
            change = Change(connection, caller, method.full_name, request_id)
            response = await make(request, change)
            await change.write_audit_log()
            if request_id:
                remembered = (change.repeat_answer or response).SerializeToString()
                # A concurrent change in another organization used the same id: one of the two must fail.
                if not await connection.fetchval(_REMEMBER, *key, digest, remembered, REPLAY_LIFE_H):
                    raise _request_id_reused()
        if change.after_commit is not None:
            await self._finish(change.after_commit, key)
        return response

    async def _finish(self, after_commit: Callable[[], Awaitable[None]], key: tuple[str, str, str]) -> None:
        """Does what follows the commit. If that undoes the change, a repeated request makes it again."""
        try:
            await after_commit()
        except AdminError:
            await self._pool.execute(_FORGET_ONE, *key)
            raise

    async def record_refusal(self, asked: Asked, record: RecordRefusal, error: AdminError) -> None:
        """Records that a call was refused, after its own transaction was rolled back."""
        async with self._pool.acquire() as connection, connection.transaction():
            await record(asked, connection, ErrorReason.Name(error.reason))

    async def forget_old_answers(self, batch: int = 10_000) -> int:
        """Deletes remembered answers that have expired, at most `batch` of them. Returns how many."""
        async with self._pool.acquire() as connection:
            return int((await connection.execute(_FORGET, REPLAY_LIFE_H, batch)).removeprefix("DELETE "))

    async def keep_forgetting(self, interval_s: float = FORGET_INTERVAL_S, batch: int = 10_000) -> None:
        """Deletes expired answers now and every `interval_s` seconds until canceled, at most 100 batches each time."""
        while True:
            try:
                for _ in range(_MAX_FORGET_BATCHES):
                    if await self.forget_old_answers(batch) < batch:
                        break
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot delete expired answers", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)


async def lock_organization(connection: Connection, organization: str) -> str | None:
    """Waits until no other transaction changes the organization, and keeps others from it until this one ends.

    Returns:
        Its state, such as `ACTIVE`, or None if there is no such organization.
    """
    state: str | None = await connection.fetchval(_LOCK_ORGANIZATION, organization)
    return state


async def _joined(connection: Connection, asked: Asked) -> Asked:
    """Returns the call with a user: creates one for a person who accepts an invite and is no user yet. A failure rolls it back."""
    if asked.grant.newcomer is None:
        return asked
    user = await asked.grant.newcomer.join(connection)
    return dataclasses.replace(asked, grant=dataclasses.replace(asked.grant, user=user, newcomer=None))


async def _locked(
    connection: Connection, asked: Asked, validate: Callable[[], None]
) -> Caller | UserCaller | OperatorCaller:
    """Returns the authorized caller. No other transaction changes the organization until this one ends.

    Authorization comes before the lock, so a caller without rights never holds the lock of an organization. If the organization's
    revision changed in between, the caller is authorized again.
    """
    if asked.method.is_for_users:
        user = authorize_user(asked)
        validate()
        await connection.execute(_LOCK_USER, user.grant.user)
        return user
    if asked.method.is_for_operators:
        operator = await authorize_operator(connection, asked)
        validate()
        if asked.organizations:
            await lock_organization(connection, *asked.organizations)
        return operator
    organizations = list(asked.organizations)
    before = await connection.fetchval(_REVISION, organizations)
    caller = await authorize(connection, asked)
    validate()
    state = await lock_organization(connection, caller.resource.organization)
    if await connection.fetchval(_REVISION, organizations) != before:
        caller = await authorize(connection, asked)
    if state != "ACTIVE" and asked.method.permission not in _WHILE_NOT_ACTIVE:
        raise organization_inactive(str(state))
    return caller


async def _replayed(connection: Connection, key: tuple[str, str, str], digest: bytes, method: Method) -> Message | None:
    row = await connection.fetchrow(_FIND_REPLAY, *key, REPLAY_LIFE_H)
    if row is None:
        return None
    if row["request_hash"] != digest:
        raise _request_id_reused()
    answer: Message = GetMessageClass(method.descriptor.output_type).FromString(row["response"])
    return answer


def _confinement(method: Method, grant: Grant) -> str:
    """Separates the remembered answers of a limited credential from those of the user's other credentials; empty if unlimited."""
    if method.permission is Permission.ACCESS_TOKENS_REVOKE_CURRENT:  # the call is about its own token
        return f" {grant.access_token}"
    if grant.organization is None and grant.permissions is None:
        return ""
    permissions = None if grant.permissions is None else sorted(grant.permissions)
    return f" {hashlib.sha256(repr((grant.organization, permissions)).encode()).hexdigest()}"


def _digest(request: Message) -> bytes:
    """Hash of the request without its `request_id`, because the same UUID may be written in either case."""
    asked = type(request)()
    asked.CopyFrom(request)
    if "request_id" in asked.DESCRIPTOR.fields_by_name:
        asked.ClearField("request_id")
    return hashlib.sha256(asked.SerializeToString(deterministic=True)).digest()


def _request_id_reused() -> AdminError:
    message = "This request_id was used for a different request. Use a new UUID for each new request."
    return AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.REQUEST_ID_REUSED, message)


def organization_inactive(state: str) -> AdminError:
    """The error for a change in an organization that is `SUSPENDED` or `DELETED`."""
    if state == "SUSPENDED":
        message = "The organization is suspended. Resume it before changing anything."
        return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ORGANIZATION_SUSPENDED, message)
    message = "The organization is deleted. Undelete it before changing anything."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ORGANIZATION_DELETED, message)
