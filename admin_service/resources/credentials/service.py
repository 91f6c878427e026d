"""Serves `megarouter.admin.v1.Credentials`."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import credential_pb2
from megarouter.admin.v1.credential_pb2 import Credential
from megarouter.type.v1 import permission_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import AUTOMATION_PERMISSIONS, SCIM_PERMISSIONS, Permission
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.masks import updated_fields
from admin_service.api.names import CREDENTIALS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.access_tokens.store import now_of
from admin_service.resources.credentials import store
from admin_service.resources.credentials.store import CredentialRow, NewCredential
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.bearer_secrets import CREDENTIAL, SECRET_BYTES, hash_secret
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_USABLE: Final = 100
MAX_OVERLAP: Final = dt.timedelta(days=7)
DEFAULT_OVERLAP: Final = dt.timedelta(hours=24)
_PREFIX: Final = "PERMISSION_"
_WRITE: Final = Permission.CREDENTIALS_WRITE

_CREDENTIALS: Final = Listing(
    columns=store.COLUMNS,
    source="credentials c",
    make=CredentialRow,
    permission=Permission.CREDENTIALS_READ,
    orders={"name": SortColumn("c.credential_id")},
    unique=SortColumn("c.credential_id"),
    default_order="name",
    fields={
        "display_name": TextField("c.display_name"),
        "kind": EnumField.of("c.kind", ("SCIM", "AUTOMATION"), "KIND_"),
        "state": EnumField.of(store.STATE, ("ACTIVE", "EXPIRED", "REVOKED"), "STATE_"),
        "expire_time": TimeField("c.expire_time"),
        "create_time": TimeField("c.create_time"),
    },
    searched=("c.display_name",),
)


class CredentialsApi:
    """The credentials of organizations."""

    service = credential_pb2.DESCRIPTOR.services_by_name["Credentials"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        pepper: bytes,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        max_life: dt.timedelta,
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            page_tokens: makes and reads page tokens.
            pepper: hashes secrets.
            make_id: returns a new id with a prefix.
            random_bytes: returns this many random bytes.
            max_life: the longest life that the deployment allows.
        """
        self._pool = pool
        self._page_tokens = page_tokens
        self._pepper = pepper
        self._make_id = make_id
        self._random_bytes = random_bytes
        self._max_life = max_life
        self.handlers: Mapping[str, Handle] = {"GetCredential": self.get, "ListCredentials": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateCredential": self.create,
            "UpdateCredential": self.update,
            "RotateCredential": self.rotate,
            "RevokeCredential": self.revoke,
        }
        self.rules: Mapping[str, Rule] = {
            "CreateCredential": _check_new,
            "UpdateCredential": _check_update,
            "RotateCredential": _check_rotation,
        }

    async def get(self, _request: credential_pb2.GetCredentialRequest, caller: Caller) -> Credential:
        """GetCredential returns one credential, without its secret."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return _message(await _existing(connection, caller.resource, Permission.CREDENTIALS_READ))

    async def list(
        self, request: credential_pb2.ListCredentialsRequest, caller: Caller
    ) -> credential_pb2.ListCredentialsResponse:
        """ListCredentials returns the credentials of the organization."""
        organization = caller.resource.organization
        query = _CREDENTIALS.query(
            request, self._page_tokens, organization, Condition("c.organization_id = {}", organization)
        )
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return credential_pb2.ListCredentialsResponse(
            credentials=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(
        self, request: credential_pb2.CreateCredentialRequest, change: Change
    ) -> credential_pb2.CreateCredentialResponse:
        """CreateCredential returns the new credential with its secret. A repeated request gets no secret."""
        connection, wanted = change.connection, request.credential
        organization = change.caller.resource.organization
        await refuse_in_personal_account(connection, organization)
        if await store.count_usable(connection, organization) >= MAX_USABLE:
            message = f"An organization has at most {MAX_USABLE} credentials. Revoke one that is no longer needed."
            reason, metadata = ErrorReason.CREDENTIAL_LIMIT_REACHED, {"limit": str(MAX_USABLE)}
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata)
        secret = CREDENTIAL.make(self._random_bytes(SECRET_BYTES))
        name = ResourceName(organization, CREDENTIALS, self._make_id("cred"))
        new = NewCredential(
            organization=organization,
            credential=str(name.resource_id),
            kind=Credential.Kind.Name(wanted.kind).removeprefix("KIND_"),
            display_name=wanted.display_name,
            permissions=_permissions(wanted),
            secret_hash=hash_secret(secret, self._pepper),
            obfuscated_secret=CREDENTIAL.obfuscated(secret),
            expire_time=self._end(wanted, await now_of(connection)),
            creator=change.caller.user,
            may_change_admins=wanted.may_change_admins,
        )
        await store.add_credential(connection, new)
        made = _message(await _existing(connection, name, _WRITE))
        change.record(name, None, made)
        change.repeat_answer = credential_pb2.CreateCredentialResponse(credential=made, secret_already_issued=True)
        return credential_pb2.CreateCredentialResponse(credential=made, secret=secret)

    async def update(self, request: credential_pb2.UpdateCredentialRequest, change: Change) -> Credential:
        """UpdateCredential changes the name, the permissions or the end of a credential."""
        connection, name, asked = change.connection, change.caller.resource, request.credential
        row = await _usable(connection, name)
        check_etag(asked.etag, row.etag)
        fields = updated_fields(request.update_mask, asked)
        permissions = row.permissions
        if "permissions" in fields and (row.kind != "SCIM" or asked.permissions):
            if violations := list(_impossible(Credential.Kind.Value(f"KIND_{row.kind}"), asked.permissions)):
                raise invalid_fields(*violations)
            permissions = _named(asked.permissions)
        end = self._end(asked, await now_of(connection)) if "expire_time" in fields else row.expire_time
        await store.update_credential(
            connection,
            row,
            display_name=asked.display_name if "display_name" in fields else row.display_name,
            permissions=permissions,
            expire_time=end,
        )
        after = _message(await _existing(connection, name, _WRITE))
        change.record(name, _message(row), after)
        return after

    async def rotate(
        self, request: credential_pb2.RotateCredentialRequest, change: Change
    ) -> credential_pb2.RotateCredentialResponse:
        """RotateCredential returns the credential with its new secret. A repeated request gets no secret."""
        connection, name = change.connection, change.caller.resource
        row = await _usable(connection, name)
        if row.previous_expire_time:
            raise _under_way(row.previous_expire_time)
        overlap = DEFAULT_OVERLAP
        if request.HasField("overlap_duration"):
            overlap = request.overlap_duration.ToTimedelta()
        now, secret = await now_of(connection), CREDENTIAL.make(self._random_bytes(SECRET_BYTES))
        await store.rotate_credential(
            connection,
            (row.organization, row.credential),
            hash_secret(secret, self._pepper),
            CREDENTIAL.obfuscated(secret),
            old_ends=now + overlap,
            new_ends=now + self._max_life,
        )
        after = _message(await _existing(connection, name, _WRITE))
        change.record(name, _message(row), after)
        change.repeat_answer = credential_pb2.RotateCredentialResponse(credential=after, secret_already_issued=True)
        return credential_pb2.RotateCredentialResponse(credential=after, secret=secret)

    async def revoke(self, _request: credential_pb2.RevokeCredentialRequest, change: Change) -> Credential:
        """RevokeCredential revokes a credential. Revoking it again changes nothing."""
        name = change.caller.resource
        row = await _existing(change.connection, name, _WRITE)
        if row.revoke_time is not None:
            return _message(row)
        await store.revoke_credential(change.connection, row.organization, row.credential)
        after = _message(await _existing(change.connection, name, _WRITE))
        change.record(name, _message(row), after)
        return after

    def _end(self, wanted: Credential, now: dt.datetime) -> dt.datetime:
        latest = now + self._max_life
        if not wanted.HasField("expire_time"):
            return latest
        end = wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
        if not now < end <= latest:
            limit = latest.isoformat(timespec="seconds")
            violation = FieldViolation("credential.expire_time", f"must be in the future and no later than {limit}")
            raise invalid_fields(violation)
        return end


def _check_new(request: credential_pb2.CreateCredentialRequest) -> Iterable[FieldViolation]:
    wanted = request.credential
    yield from _impossible(wanted.kind, wanted.permissions)
    if wanted.may_change_admins and wanted.kind != Credential.KIND_SCIM:
        yield FieldViolation("credential.may_change_admins", "must be false unless the kind is KIND_SCIM")
    yield from _check_end(wanted)


def _check_update(request: credential_pb2.UpdateCredentialRequest) -> Iterable[FieldViolation]:
    yield from _check_end(request.credential)


def _check_end(wanted: Credential) -> Iterable[FieldViolation]:
    if wanted.HasField("expire_time"):
        try:
            wanted.expire_time.ToDatetime(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            yield FieldViolation("credential.expire_time", "must be between the years 1 and 9999")


def _impossible(kind: Credential.Kind.ValueType, wanted: Sequence[int]) -> Iterable[FieldViolation]:
    """Returns what is wrong with the permissions of a credential of this kind."""
    if kind == Credential.KIND_SCIM and wanted:
        yield FieldViolation("credential.permissions", "must be empty for KIND_SCIM, whose permissions are fixed")
    if kind == Credential.KIND_AUTOMATION:
        possible = {permission_pb2.Permission.Value(_PREFIX + one.name) for one in AUTOMATION_PERMISSIONS}
        if not wanted or not possible.issuperset(wanted):
            names = ", ".join(sorted(AUTOMATION_PERMISSIONS))
            yield FieldViolation("credential.permissions", f"must name at least one of these and no other: {names}")


def _check_rotation(request: credential_pb2.RotateCredentialRequest) -> Iterable[FieldViolation]:
    if not request.HasField("overlap_duration"):
        return
    try:
        is_possible = dt.timedelta(0) <= request.overlap_duration.ToTimedelta() <= MAX_OVERLAP
    except (ValueError, OverflowError):
        is_possible = False
    if not is_possible:
        yield FieldViolation("overlap_duration", f"must be 0 to {MAX_OVERLAP.days} days")


def _permissions(wanted: Credential) -> Sequence[str]:
    if wanted.kind == Credential.KIND_SCIM:
        return sorted(SCIM_PERMISSIONS)
    return _named(wanted.permissions)


def _named(permissions: Iterable[permission_pb2.Permission.ValueType]) -> Sequence[str]:
    names = (permission_pb2.Permission.Name(value).removeprefix(_PREFIX) for value in permissions)
    return sorted(Permission[name].value for name in names)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> CredentialRow:
    row = await store.get_credential(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row


async def _usable(connection: Connection, name: ResourceName) -> CredentialRow:
    row = await _existing(connection, name, _WRITE)
    if row.state != "ACTIVE":
        message = f"{name} is {row.state.lower()}. Create a new credential."
        metadata = {"state": row.state}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
    return row


def _under_way(end: dt.datetime) -> AdminError:
    until = end.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    message = f"The earlier secret of this credential is valid until {until}. Rotate again after that, or revoke it."
    reason, metadata = ErrorReason.ROTATION_UNDER_WAY, {"overlapEndTime": until}
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)


def _message(row: CredentialRow) -> Credential:
    message = Credential(
        name=str(ResourceName(row.organization, CREDENTIALS, row.credential)),
        display_name=row.display_name,
        kind=Credential.Kind.Value(f"KIND_{row.kind}"),
        permissions=[_PREFIX + Permission(value).name for value in row.permissions],  # type: ignore[misc] # protobuf accepts names
        expire_time=timestamp(row.expire_time),
        state=Credential.State.Value(f"STATE_{row.state}"),
        obfuscated_secret=row.obfuscated_secret,
        creator=str(UserResourceName(row.creator)),
        may_change_admins=row.may_change_admins,
        create_time=timestamp(row.create_time),
        etag=row.etag,
    )
    if row.previous_expire_time:
        message.previous_secret_expire_time.CopyFrom(timestamp(row.previous_expire_time))
    if row.revoke_time:
        message.revoke_time.CopyFrom(timestamp(row.revoke_time))
    return message
