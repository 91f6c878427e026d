"""`megarouter.admin.v1.ApiKeys`."""

from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api_key_store import ApiKeyRow, get_api_key, list_api_keys, set_api_key_state
from admin_service.errors import AdminError, FieldViolation, permission_denied
from admin_service.guard import Caller, Handle, Rule
from admin_service.page_tokens import MAX_TOKEN_BYTES, PageTokenError, PageTokens
from admin_service.resource_names import API_KEYS, MEMBERS, ResourceName
from admin_service.timestamps import timestamp
from gateway_core.domain.permissions import Permission, visibility
from gateway_core.edges.postgres.organization_wall import acting_for

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1_000
MAX_ETAG_BYTES: Final = 64

_STATES: Final = {
    "ACTIVE": ApiKey.STATE_ACTIVE,
    "DISABLED": ApiKey.STATE_DISABLED,
    "DELETED": ApiKey.STATE_DELETED,
}


class ApiKeysApi:
    """Reading keys, and switching them off and on."""

    service = api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetApiKey": self.get,
            "ListApiKeys": self.list,
            "DisableApiKey": self.disable,
            "EnableApiKey": self.enable,
        }
        self.rules: Mapping[str, Rule] = {
            "ListApiKeys": _check_list,
            "DisableApiKey": _check_etag,
            "EnableApiKey": _check_etag,
        }

    async def get(self, _request: api_key_pb2.GetApiKeyRequest, caller: Caller) -> ApiKey:
        """GetApiKey."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            row = await get_api_key(connection, *_ids(caller))
        return _message(_existing(row, Permission.API_KEYS_READ, caller))

    async def list(self, request: api_key_pb2.ListApiKeysRequest, caller: Caller) -> api_key_pb2.ListApiKeysResponse:
        """ListApiKeys."""
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        after = self._continue_after(request)
        visible = visibility(caller.actor)
        async with acting_for(self._pool, caller.resource.organization) as connection:
            # One more than the page holds says whether another page follows.
            rows = await list_api_keys(connection, caller.resource.organization, visible, after=after, limit=size + 1)
        page = rows[:size]
        token = self._page_tokens.encode(page[-1].api_key, _arguments(request)) if len(rows) > size else ""
        return api_key_pb2.ListApiKeysResponse(api_keys=map(_message, page), next_page_token=token)

    async def disable(self, request: api_key_pb2.DisableApiKeyRequest, caller: Caller) -> ApiKey:
        """DisableApiKey."""
        return await self._set_state("DISABLED", request.etag, caller)

    async def enable(self, request: api_key_pb2.EnableApiKeyRequest, caller: Caller) -> ApiKey:
        """EnableApiKey."""
        return await self._set_state("ACTIVE", request.etag, caller)

    async def _set_state(self, state: str, etag: str, caller: Caller) -> ApiKey:
        async with acting_for(self._pool, caller.resource.organization) as connection:
            found = await get_api_key(connection, *_ids(caller), lock=True)
            row = _existing(found, Permission.API_KEYS_DISABLE, caller)
            if etag and etag != row.etag:
                raise _etag_mismatch()
            if row.state == "DELETED":
                raise _deleted(caller.resource)
            if row.state != state:
                row = await set_api_key_state(connection, *_ids(caller), state)
        return _message(row)

    def _continue_after(self, request: api_key_pb2.ListApiKeysRequest) -> str:
        if not request.page_token:
            return ""
        try:
            return self._page_tokens.decode(request.page_token, _arguments(request))
        except PageTokenError as error:
            message = f"{error}: begin again without one."
            raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.PAGE_TOKEN_INVALID, message) from error


def _ids(caller: Caller) -> tuple[str, str]:
    return caller.resource.organization, str(caller.resource.resource_id)


def _existing(row: ApiKeyRow | None, permission: Permission, caller: Caller) -> ApiKeyRow:
    """The row. It was there when the call was authorized; should it be gone since, the answer is as if it had never been."""
    if row is None:
        raise permission_denied(permission, str(caller.resource))
    return row


def _arguments(request: api_key_pb2.ListApiKeysRequest) -> str:
    return f"ListApiKeys {request.parent}"


def _check_list(request: api_key_pb2.ListApiKeysRequest) -> Iterable[FieldViolation]:
    if request.page_size < 0:
        yield FieldViolation("page_size", "must not be negative")
    if len(request.page_token.encode()) > MAX_TOKEN_BYTES:
        yield FieldViolation("page_token", f"must have at most {MAX_TOKEN_BYTES} bytes")


def _check_etag(
    request: api_key_pb2.DisableApiKeyRequest | api_key_pb2.EnableApiKeyRequest,
) -> Iterable[FieldViolation]:
    if len(request.etag.encode()) > MAX_ETAG_BYTES:
        yield FieldViolation("etag", f"must have at most {MAX_ETAG_BYTES} bytes")


def _etag_mismatch() -> AdminError:
    message = "The API key was changed since it was read: read it again and repeat the change."
    return AdminError(grpc.StatusCode.ABORTED, ErrorReason.ETAG_MISMATCH, message)


def _deleted(name: ResourceName) -> AdminError:
    return AdminError(
        grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.API_KEY_DELETED, f"{name} is deleted, which is final."
    )


def _message(row: ApiKeyRow) -> ApiKey:
    message = ApiKey(
        name=str(ResourceName(row.organization, API_KEYS, row.api_key)),
        member=str(ResourceName(row.organization, MEMBERS, row.member)),
        display_name=row.display_name,
        obfuscated_key=row.obfuscated_key,
        state=ApiKey.STATE_EXPIRED if row.state == "ACTIVE" and row.is_expired else _STATES[row.state],
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )
    if row.expire_time:
        message.expire_time.CopyFrom(timestamp(row.expire_time))
    return message
