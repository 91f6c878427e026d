"""The RPCs that change API keys.

Every change holds the lock of the organization. What it checks, such as room for one more key, therefore still holds when it
commits.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from google.rpc.error_details_pb2 import QuotaFailure
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.directory import find_target
from admin_service.access.permissions import Permission, Role, Target, TargetKind
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import AdminError, FieldViolation, already_exists, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import guardrail_name
from admin_service.api.masks import updated_fields
from admin_service.api.names import API_KEYS, MEMBERS, SERVICE_ACCOUNTS, ResourceName, parse_name
from admin_service.resources.api_keys import store
from admin_service.resources.api_keys.bound_errors import bounded
from admin_service.resources.api_keys.bounds import Limits, Setter, mode_after
from admin_service.resources.api_keys.messages import (
    api_key_message,
    api_key_name,
    expire_time_of,
    key_limits,
    overlap_of,
    whitelist_of,
)
from admin_service.resources.api_keys.new_limits import limits_to_begin_with
from admin_service.resources.api_keys.requirements import key_requirements
from admin_service.resources.api_keys.store import ApiKeyRow, KeyLimit, NewApiKey
from admin_service.resources.default_limits.store import write_limits
from admin_service.resources.model_whitelists.validation import offered_models, require_known_models
from admin_service.serving.change_transaction import Change
from gateway_core.model.limits.model_whitelists import NOTHING_OFFERED
from gateway_core.model.organization.bearer_secrets import API_KEY, SECRET_BYTES, hash_secret
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.organization.service_accounts import is_service_account

_ID_PREFIX: Final = "key"


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """The sources of secrets, ids and times."""

    pepper: bytes
    randomness: Callable[[int], bytes]
    """Returns this many random bytes."""
    make_id: Callable[[str], str]
    """Returns a new id with this prefix."""
    now: Callable[[], float]
    """Returns the time in seconds since the epoch."""

    def new_secret(self) -> str:
        """Returns a new secret."""
        return API_KEY.make(self.randomness(SECRET_BYTES))


class ApiKeyChanges:
    """Creates and changes keys."""

    def __init__(self, maker: KeyMaker) -> None:
        self._maker = maker

    async def create(
        self, request: api_key_pb2.CreateApiKeyRequest, change: Change
    ) -> api_key_pb2.CreateApiKeyResponse:
        """CreateApiKey returns the new key with its secret. A repeated request gets no secret."""
        asked, organization = request.api_key, change.caller.resource.organization
        owner = await _owner(change, asked)
        self._require_future(expire_time_of(asked), None)
        await require_room(change, str(owner.member))
        await _require_known_models(change, request, whitelist_of(asked), None)
        offered = await offered_models(change.connection)
        setter = Setter(change.caller.actor, str(owner.member), owner.group_path, offered)
        limits = await limits_to_begin_with(change, setter, request)
        await self._require_new_limits(change, request, limits.values)
        name = ResourceName(organization, API_KEYS, request.api_key_id or self._maker.make_id(_ID_PREFIX))
        secret = self._maker.new_secret()
        made = await store.insert_api_key(
            change.connection,
            NewApiKey(
                organization=organization,
                api_key=str(name.resource_id),
                member=str(owner.member),
                display_name=asked.display_name,
                secret_hash=hash_secret(secret, self._maker.pepper),
                obfuscated_key=API_KEY.obfuscated(secret),
                expire_time=expire_time_of(asked),
                ip_allow_list=list(asked.ip_allow_list) or None,
                bounds=limits.bounds,
            ),
        )
        if not made:
            raise already_exists(name)
        if limits.has_guardrail:
            scope = Scope(ScopeKind.API_KEY, str(name.resource_id))
            await write_limits(change.connection, organization, scope, limits.values, limits.origins)
        key = await recorded_key(change, name, None)
        change.repeat_answer = api_key_pb2.CreateApiKeyResponse(api_key=key, secret_already_issued=True)
        return api_key_pb2.CreateApiKeyResponse(api_key=key, secret=secret)

    async def update(self, request: api_key_pb2.UpdateApiKeyRequest, change: Change) -> ApiKey:
        """UpdateApiKey changes the name, expiry, addresses or model whitelist of a key."""
        asked, name = request.api_key, change.caller.resource
        row = await changeable_key(change, name, asked.etag, Permission.API_KEYS_WRITE)
        fields = updated_fields(request.update_mask, asked)
        display_name = asked.display_name if "display_name" in fields else row.display_name
        expire_time = expire_time_of(asked) if "expire_time" in fields else row.expire_time
        networks = list(asked.ip_allow_list) or None if "ip_allow_list" in fields else row.ip_allow_list
        whitelist = whitelist_of(asked) if "model_whitelist" in fields else row.model_whitelist
        self._require_future(expire_time, row.expire_time)
        limits = key_limits(expire_time, networks, whitelist)
        named = limits.keys() & set(fields)
        offered = await offered_models(change.connection) if "model_whitelist" in named else NOTHING_OFFERED
        setter = Setter(change.caller.actor, row.member, row.group_path, offered)
        bounds = bounded(row.bounds, setter, named, limits)
        mode = row.guardrail_mode
        if "model_whitelist" in named:
            mode, bounds = mode_after(bounds, setter, None, mode)
        now = (display_name, expire_time, networks, whitelist, bounds)
        if now == (row.display_name, row.expire_time, row.ip_allow_list, row.model_whitelist, row.bounds):
            return api_key_message(row, full=True)
        await _require_known_models(change, request, whitelist, row.model_whitelist)
        await _require_kept_limits(change, row, named, expire_time, whitelist)
        await store.update_api_key(change.connection, row, display_name, expire_time, networks, bounds)
        if (whitelist, mode) != (row.model_whitelist, row.guardrail_mode):
            await store.set_key_whitelist(change.connection, row.organization, row.api_key, whitelist, mode)
        return await recorded_key(change, name, row)

    async def delete(self, request: api_key_pb2.DeleteApiKeyRequest, change: Change) -> ApiKey:
        """DeleteApiKey deletes a key permanently. Deleting it again changes nothing."""
        row = await _existing(change, change.caller.resource, Permission.API_KEYS_WRITE)
        if row.state == "DELETED":
            return api_key_message(row, full=True)
        check_etag(request.etag, row.etag)
        await store.delete_api_key(change.connection, row.organization, row.api_key)
        return await recorded_key(change, change.caller.resource, row)

    async def disable(self, request: api_key_pb2.DisableApiKeyRequest, change: Change) -> ApiKey:
        """DisableApiKey disables a key until it is enabled again."""
        return await _disable(change, change.caller.resource, request.etag)

    async def batch_disable(
        self, request: api_key_pb2.BatchDisableApiKeysRequest, change: Change
    ) -> api_key_pb2.BatchDisableApiKeysResponse:
        """BatchDisableApiKeys disables several keys, or none of them if one cannot be disabled."""
        names = [await _named(change, name) for name in request.names]
        keys = [await _disable(change, name) for name in names]
        return api_key_pb2.BatchDisableApiKeysResponse(api_keys=keys)

    async def enable(self, request: api_key_pb2.EnableApiKeyRequest, change: Change) -> ApiKey:
        """EnableApiKey enables a disabled key. Members cannot enable a key that an admin disabled."""
        name, caller = change.caller.resource, change.caller
        row = await changeable_key(change, name, request.etag, Permission.API_KEYS_DISABLE)
        if row.state == "ACTIVE":
            return api_key_message(row, full=True)
        is_own = row.member == caller.actor.member and caller.actor.role is not Role.SUPER_ADMIN
        if is_own and row.disabled_by not in {None, row.member}:
            message = "An admin disabled this API key. Ask an admin to enable it."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.DISABLED_BY_ADMIN, message)
        await store.enable_api_key(change.connection, row.organization, row.api_key)
        return await recorded_key(change, name, row)

    async def rotate(
        self, request: api_key_pb2.RotateApiKeyRequest, change: Change
    ) -> api_key_pb2.RotateApiKeyResponse:
        """RotateApiKey gives a key a new secret. The previous secret stays valid for the overlap."""
        name, overlap = change.caller.resource, overlap_of(request)
        row = await changeable_key(change, name, request.etag, Permission.API_KEYS_WRITE)
        if row.overlap_end_time and overlap:
            raise _rotation_under_way(row.overlap_end_time)
        secret = self._maker.new_secret()
        await store.rotate_api_key(
            change.connection, row, hash_secret(secret, self._maker.pepper), API_KEY.obfuscated(secret), overlap
        )
        key = await recorded_key(change, name, row)
        change.repeat_answer = api_key_pb2.RotateApiKeyResponse(api_key=key, secret_already_issued=True)
        return api_key_pb2.RotateApiKeyResponse(api_key=key, secret=secret)

    async def _require_new_limits(
        self, change: Change, request: api_key_pb2.CreateApiKeyRequest, limits: Limits
    ) -> None:
        """Checks what the organization requires of a new key with these limits."""
        required = await key_requirements(change.connection, change.caller.resource.organization)
        now = dt.datetime.fromtimestamp(self._maker.now(), dt.UTC)
        required.check_expiry(expire_time_of(request.api_key), now)
        required.check_guardrail(
            {"model_whitelist", "budget"},
            whitelist=limits.get("model_whitelist") is not None,
            budget=limits.get("budget") is not None,
            enforced=True,
        )

    def _require_future(self, expire_time: dt.datetime | None, present: dt.datetime | None) -> None:
        if expire_time and expire_time != present and expire_time.timestamp() <= self._maker.now():
            raise invalid_fields(FieldViolation("api_key.expire_time", "must be in the future"))


async def _require_kept_limits(
    change: Change,
    row: ApiKeyRow,
    named: Collection[str],
    expire_time: dt.datetime | None,
    whitelist: Sequence[str] | None,
) -> None:
    """Checks what the organization requires of the limits that a change names."""
    required = await key_requirements(change.connection, row.organization)
    if "expire_time" in named:
        required.check_expiry(expire_time, row.create_time)
    required.check_guardrail(named, whitelist=whitelist is not None, budget=True, enforced=True)


async def _require_known_models(
    change: Change,
    request: api_key_pb2.CreateApiKeyRequest | api_key_pb2.UpdateApiKeyRequest,
    whitelist: Sequence[str] | None,
    present: Sequence[str] | None,
) -> None:
    """Checks the entries that the change adds."""
    if not request.allow_unknown_models:
        added = [entry for entry in whitelist or () if entry not in (present or ())]
        await require_known_models(change.connection, {"api_key.model_whitelist.entries": added})


async def _owner(change: Change, key: ApiKey) -> Target:
    """Returns the owner of the new key: the caller, or whom the key names."""
    actor = change.caller.actor
    named = key.member or key.service_account
    if not named and actor.is_credential:
        raise invalid_fields(FieldViolation("api_key.member", "is required: a credential has no keys of its own"))
    if not named:
        return Target(actor.organization, TargetKind.BELONGING, actor.group_path, actor.member, actor.role)
    return await named_owner(change, named, MEMBERS if key.member else SERVICE_ACCOUNTS)


async def named_owner(change: Change, text: str, collection: str) -> Target:
    """Returns a member or service account by name, after checking that the caller may give them keys."""
    caller: Caller = change.caller
    name = parse_name(text)
    found = None
    if name and (name.organization, name.collection) == (caller.actor.organization, collection):
        found = await find_target(change.connection, name)
    if found is None:
        raise permission_denied(Permission.API_KEYS_WRITE, text[:MAX_SHOWN])
    owner = Target(found.organization, TargetKind.BELONGING, found.group_path, found.member, found.role)
    caller.require(Permission.API_KEYS_WRITE, owner, text)
    state = await store.member_state(change.connection, owner.organization, str(owner.member))
    if state != "ACTIVE":
        name_shown = await store.member_display_name(change.connection, owner.organization, str(owner.member))
        raise inactive_member(name_shown, str(state), is_account=collection == SERVICE_ACCOUNTS)
    return owner


async def require_room(change: Change, member: str, *, adds_a_key: bool = True) -> None:
    """Checks that the owner may have one more key, and with `adds_a_key` the organization too.

    Raises:
        AdminError: KEY_LIMIT_REACHED.
    """
    organization = change.caller.resource.organization
    reached = await store.reached_key_limit(change.connection, organization, member)
    if reached and (adds_a_key or reached.scope_kind == ScopeKind.MEMBER):
        raise _limit_reached(
            organization,
            member,
            reached,
            await store.member_display_name(change.connection, organization, member),
        )


async def _named(change: Change, text: str) -> ResourceName:
    """Returns the name of one key of a batch, after checking that the caller may disable it."""
    caller: Caller = change.caller
    name = parse_name(text)
    if name and (name.organization, name.collection) == (caller.resource.organization, API_KEYS):
        target = await find_target(change.connection, name)
        if target:
            caller.require(Permission.API_KEYS_DISABLE, target, text)
            return name
    raise permission_denied(Permission.API_KEYS_DISABLE, text[:MAX_SHOWN])


async def _disable(change: Change, name: ResourceName, etag: str = "") -> ApiKey:
    row = await changeable_key(change, name, etag, Permission.API_KEYS_DISABLE)
    member = change.caller.actor.member
    # If the member disabled the key, an admin can disable it again, so that the member cannot enable it.
    is_taken_over = row.disabled_by in {None, row.member} and member not in {row.disabled_by, row.member}
    if row.state == "DISABLED" and not is_taken_over:
        return api_key_message(row, full=True)
    await store.disable_api_key(change.connection, row.organization, row.api_key, member)
    return await recorded_key(change, name, row)


async def _existing(change: Change, name: ResourceName, permission: Permission) -> ApiKeyRow:
    row = await store.get_api_key(change.connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row


async def changeable_key(change: Change, name: ResourceName, etag: str, permission: Permission) -> ApiKeyRow:
    """Returns a key that is not deleted.

    Raises:
        AdminError: PERMISSION_DENIED, ETAG_MISMATCH, API_KEY_DELETED.
    """
    row = await _existing(change, name, permission)
    check_etag(etag, row.etag)
    if row.state == "DELETED":
        raise deleted_key(name)
    return row


async def recorded_key(change: Change, name: ResourceName, before: ApiKeyRow | None) -> ApiKey:
    """Returns the key as it is now, and records the change in the audit log for the admins above its member."""
    after = await _existing(change, name, Permission.API_KEYS_WRITE)
    logged = api_key_message(before) if before else None
    change.record(api_key_name(after), logged, api_key_message(after), group_path=after.group_path)
    return api_key_message(after, full=True)


def deleted_key(name: object) -> AdminError:
    """The error for a deleted key. A deletion is final."""
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.API_KEY_DELETED,
        f"{name} is deleted and cannot be restored. Create a new key.",
    )


def inactive_member(display_name: str, state: str, *, is_account: bool = False) -> AdminError:
    """The error for a member who is removed or suspended, or a service account that is deleted or disabled."""
    if state == "REMOVED" and is_account:
        message = f"The service account {display_name!r} is deleted. Undelete it first."
        metadata = {"state": "DELETED"}
        return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
    if state == "REMOVED":
        message = f"The member {display_name!r} is removed. Invite the user again."
        return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.MEMBER_REMOVED, message)
    message = (
        f"The service account {display_name!r} is disabled. Enable it first."
        if is_account
        else f"The member {display_name!r} is suspended. Resume the member first."
    )
    metadata = {"state": "DISABLED" if is_account else state}
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)


def _limit_reached(organization: str, member: str, reached: KeyLimit, member_name: str) -> AdminError:
    kind = ScopeKind(reached.scope_kind)
    scope = Scope(kind, member if kind is ScopeKind.MEMBER else organization)
    name = guardrail_name(organization, scope)
    who = "service account" if is_service_account(member) else "member"
    whose = f"The {who} {member_name!r}" if kind is ScopeKind.MEMBER else "The organization"
    message = f"{whose} has reached the limit of {reached.limit} API keys. Delete one first."
    quota = QuotaFailure(violations=[QuotaFailure.Violation(subject=str(name), description=message)])
    return AdminError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorReason.KEY_LIMIT_REACHED,
        message,
        {"keyLimit": str(reached.limit)},
        details=[quota],
    )


def _rotation_under_way(end: dt.datetime) -> AdminError:
    until = end.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION,
        ErrorReason.ROTATION_UNDER_WAY,
        f"The previous secret is still valid until {until}. Wait until then, or rotate with an overlap of 0.",
        {"overlapEndTime": until},
    )
