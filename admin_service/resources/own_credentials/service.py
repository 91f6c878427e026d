"""Serves `megarouter.admin.v1.OwnProviderCredentials`."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import own_provider_credential_pb2 as pb
from megarouter.admin.v1.own_provider_credential_pb2 import OwnProviderCredential
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, OperatorCaller
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.names import PROVIDER_CREDENTIALS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.catalog_changes.confirmation import Made, confirm
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace, keys_for
from admin_service.resources.catalog_changes.store import add_version, find_provider, model_served_by, name_of_user
from admin_service.resources.own_credentials import store
from admin_service.resources.own_credentials.store import OwnCredentialRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.catalog.providers.authentication import AwsSignature
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_OF_ORGANIZATION: Final = 50
MAX_OF_DEPLOYMENT: Final = 10_000
_ACCESS_KEY: Final = re.compile(r"[^\s:]+:[^\s:]+(:[^\s:]+)?")
_OWN: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=OwnCredentialRow,
    permission=Permission.PROVIDER_CREDENTIALS_READ,
    orders={"name": SortColumn("c.provider_id")},
    unique=SortColumn("c.provider_id"),
    default_order="name",
    fields={},
)


class OwnProviderCredentialsApi:
    """The keys that organizations have at providers themselves."""

    service = pb.DESCRIPTOR.services_by_name["OwnProviderCredentials"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        keys: CredentialKeys | None,
        make_id: Callable[[str], str],
        now: Callable[[], dt.datetime],
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            page_tokens: makes and reads page tokens.
            keys: seal keys of organizations. None: the deployment keeps none.
            make_id: makes the id of a key.
            now: the present time.
        """
        self._pool = pool
        self._page_tokens = page_tokens
        self._keys = keys
        self._make_id = make_id
        self._now = now
        self.handlers: Mapping[str, Handle] = {
            "ListOwnProviderCredentials": self.list,
            "SearchOwnProviderCredentials": self.search,
        }
        self.changes: Mapping[str, MakeChange] = {
            "SetOwnProviderCredential": self.set,
            "ClearOwnProviderCredential": clear,
            "RevokeOwnProviderCredential": clear,
        }
        self.rules: Mapping[str, Rule] = {}

    async def list(
        self, request: pb.ListOwnProviderCredentialsRequest, caller: Caller
    ) -> pb.ListOwnProviderCredentialsResponse:
        """ListOwnProviderCredentials returns what is known of the keys of an organization."""
        organization = caller.resource.organization
        query = _OWN.query(request, self._page_tokens, organization, Condition(store.LIVE, organization))
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return pb.ListOwnProviderCredentialsResponse(
            own_provider_credentials=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def search(
        self, _request: pb.SearchOwnProviderCredentialsRequest, caller: OperatorCaller
    ) -> pb.SearchOwnProviderCredentialsResponse:
        """SearchOwnProviderCredentials returns the same to operators."""
        organization = caller.named.organization
        async with acting_for(self._pool, organization) as connection:
            rows = await store.live_credentials(connection, organization)
        return pb.SearchOwnProviderCredentialsResponse(own_provider_credentials=map(_message, rows))

    async def set(self, request: pb.SetOwnProviderCredentialRequest, change: Change) -> OwnProviderCredential:
        """SetOwnProviderCredential returns once every Envoy has the key and calls carry it."""
        name: ResourceName = change.caller.resource
        connection, organization, provider = change.connection, name.organization, str(name.resource_id)
        keys, place = keys_for(request.secret, self._keys), CredentialPlace(provider, organization)
        await _require_on_offer(connection, provider, request.secret)
        rows = await store.live_credentials(connection, organization)
        before = _of_provider(rows, provider)
        if before is None and len(rows) >= MAX_OF_ORGANIZATION:
            raise _limit_reached(f"An organization has at most {MAX_OF_ORGANIZATION} own keys", MAX_OF_ORGANIZATION)
        if before is None and await store.count_everywhere(connection) >= MAX_OF_DEPLOYMENT:
            raise _limit_reached(f"This deployment keeps at most {MAX_OF_DEPLOYMENT} own keys", MAX_OF_DEPLOYMENT)
        fingerprint = keys.fingerprint(request.secret, place)
        user, now = change.caller.user, self._now()
        setter_name = await name_of_user(connection, user)
        after = OwnCredentialRow(organization, provider, fingerprint, user, now, request.gateway_fallback, setter_name)
        credential = self._make_id("ownkey")
        await store.add_credential(connection, after, credential, keys.seal(request.secret, place))
        change.record(name, None if before is None else _message(before), _message(after))
        number = await add_version(connection, change.caller.user, change.method, str(name))

        async def use() -> None:
            await confirm(self._pool, Made(number))
            async with acting_for(self._pool, organization) as again:
                await store.make_live(again, organization, provider, credential)

        change.after_commit = use
        return _message(after)


async def clear(
    _request: pb.ClearOwnProviderCredentialRequest | pb.RevokeOwnProviderCredentialRequest, change: Change
) -> OwnProviderCredential:
    """ClearOwnProviderCredential and RevokeOwnProviderCredential remove a key."""
    caller: Caller | OperatorCaller = change.caller
    name = caller.named if isinstance(caller, OperatorCaller) else caller.resource
    connection, organization, provider = change.connection, name.organization, str(name.resource_id)
    before = _of_provider(await store.live_credentials(connection, organization), provider)
    await store.delete_credential(connection, organization, provider)
    if before is not None:
        change.record(name, _message(before), None)
        await add_version(connection, caller.user, change.method, str(name))
    return OwnProviderCredential(name=str(name))


def _of_provider(rows: Iterable[OwnCredentialRow], provider: str) -> OwnCredentialRow | None:
    return next((row for row in rows if row.provider == provider), None)


async def _require_on_offer(connection: Connection, provider: str, secret: str) -> None:
    """Checks that organizations can bring a key of this form for the provider.

    Raises:
        AdminError: FIELD_INVALID, no model on offer is served by it, or it takes no such key; OWN_CREDENTIAL_NOT_SUPPORTED.
    """
    stored = await find_provider(connection, provider)
    if stored is None or stored.is_removed or await model_served_by(connection, provider) is None:
        raise invalid_fields(FieldViolation("name", "must end with the id of a provider on offer"))
    authentication = stored.provider.authentication
    if isinstance(authentication, AwsSignature):
        if not _ACCESS_KEY.fullmatch(secret):
            raise invalid_fields(
                FieldViolation("secret", "must be ACCESS_KEY_ID:SECRET_ACCESS_KEY, or with :SESSION_TOKEN")
            )
    elif authentication is not None:
        message = (
            "Calls to this provider carry a token, and its address names the gateway's project or resource. Ask the operators"
            " for a provider with your address."
        )
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.OWN_CREDENTIAL_NOT_SUPPORTED, message)


def _limit_reached(fact: str, limit: int) -> AdminError:
    message = f"{fact}. Remove one that is no longer needed."
    reason = ErrorReason.OWN_CREDENTIAL_LIMIT_REACHED
    return AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, {"limit": str(limit)})


def _message(row: OwnCredentialRow) -> OwnProviderCredential:
    return OwnProviderCredential(
        name=str(ResourceName(row.organization, PROVIDER_CREDENTIALS, row.provider)),
        fingerprint=row.fingerprint,
        set_time=timestamp(row.set_time),
        setter=str(UserResourceName(row.set_by)),
        gateway_fallback=row.gateway_fallback,
        setter_display_name=row.setter_name,
    )
