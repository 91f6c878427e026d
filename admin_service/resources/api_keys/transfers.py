"""Transfers a key to another owner. The change holds the lock of the organization."""

from typing import Final

import grpc
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError
from admin_service.api.guardrail_names import guardrail_name
from admin_service.api.names import MEMBERS, SERVICE_ACCOUNTS, owner_name
from admin_service.resources.api_keys import store
from admin_service.resources.api_keys.changes import (
    KeyMaker,
    changeable_key,
    named_owner,
    recorded_key,
    require_room,
)
from admin_service.resources.api_keys.messages import api_key_message, api_key_name
from admin_service.resources.api_keys.store import ApiKeyRow
from admin_service.resources.model_whitelists.validation import offered_models
from admin_service.serving.change_transaction import Change
from gateway_core.model.limits.model_whitelists import compile_stored, is_subset
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.stores.postgres.identity_store import principal_of_member

_ENFORCED: Final = "ENFORCE"


class ApiKeyTransfers:
    """Gives keys to other owners."""

    def __init__(self, maker: KeyMaker) -> None:
        self._maker = maker

    async def transfer(
        self, request: api_key_pb2.TransferApiKeyRequest, change: Change
    ) -> api_key_pb2.TransferApiKeyResponse:
        """TransferApiKey gives a key to another member or service account. A repeated request gets no secret."""
        named = request.member or request.service_account
        owner = await named_owner(change, named, MEMBERS if request.member else SERVICE_ACCOUNTS)
        row = await changeable_key(change, change.caller.resource, request.etag, Permission.API_KEYS_WRITE)
        moves = owner.member != row.member
        if moves:
            await _require_rotation(change, row, is_rotated=request.rotate_secret)
            await require_room(change, str(owner.member), adds_a_key=False)
            await _require_allowed(change, row, str(owner.member), named)
        if not moves and not request.rotate_secret:
            return api_key_pb2.TransferApiKeyResponse(api_key=api_key_message(row, full=True))
        secret = self._maker.new_secret() if request.rotate_secret else ""
        await store.transfer_api_key(
            change.connection,
            row,
            str(owner.member),
            hash_secret(secret, self._maker.pepper) if secret else None,
            API_KEY.obfuscated(secret) if secret else None,
        )
        key = await _recorded_on_both_sides(change, row)
        change.repeat_answer = api_key_pb2.TransferApiKeyResponse(api_key=key, secret_already_issued=bool(secret))
        return api_key_pb2.TransferApiKeyResponse(api_key=key, secret=secret)


async def _require_rotation(change: Change, row: ApiKeyRow, *, is_rotated: bool) -> None:
    """Checks that a transfer does not let a suspended member call again, who may know the secret.

    Raises:
        AdminError: ROTATION_REQUIRED.
    """
    state = await store.member_state(change.connection, row.organization, row.member)
    if state != "ACTIVE" and not is_rotated:
        message = (
            f"{owner_name(row.organization, row.member)}, who owns the API key, is not active and may know its secret. Transfer it"
            " with a new secret: set rotate_secret."
        )
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ROTATION_REQUIRED, message)


async def _require_allowed(change: Change, row: ApiKeyRow, member: str, named: str) -> None:
    """Checks that the whitelists above the new owner allow what the key's whitelist does. A key without one has theirs.

    Raises:
        AdminError: KEY_WHITELIST_TOO_WIDE.
    """
    principal = await principal_of_member(change.connection, row.organization, member)
    if principal is None or row.model_whitelist is None or row.guardrail_mode != _ENFORCED:
        return
    allowed, offered = compile_stored(row.model_whitelist), await offered_models(change.connection)
    for rail in principal.guardrails:
        if not rail.is_shadow and not is_subset(allowed, rail.model_whitelist, offered):
            guardrail = str(guardrail_name(row.organization, rail.scope))
            message = (
                f"The model whitelist of the API key allows models that {guardrail} does not, which applies to {named}. Narrow the"
                " whitelist of the key first, or widen that guardrail."
            )
            metadata = {"guardrail": guardrail}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.KEY_WHITELIST_TOO_WIDE, message, metadata)


async def _recorded_on_both_sides(change: Change, before: ApiKeyRow) -> ApiKey:
    """Returns the key as it is now, and records the change for the admins of its former group and of the new one."""
    key = await recorded_key(change, change.caller.resource, before)
    after = await store.get_api_key(change.connection, before.organization, before.api_key)
    if after and list(after.group_path) != list(before.group_path):
        messages = (api_key_message(before), api_key_message(after))
        change.record(api_key_name(before), *messages, group_path=before.group_path)
    return key
