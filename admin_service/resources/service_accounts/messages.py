"""Converts service accounts to messages, and checks requests about them."""

from collections.abc import Iterable
from typing import Final

from megarouter.admin.v1 import service_account_pb2
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from admin_service.api.errors import FieldViolation
from admin_service.api.names import GROUPS, SERVICE_ACCOUNTS, ResourceName
from admin_service.api.spend_figures import set_spend
from admin_service.api.timestamps import timestamp
from admin_service.resources.service_accounts.store import ServiceAccountRow
from gateway_core.model.organization.service_accounts import ID_PREFIX, is_service_account

STATES: Final = {
    "ACTIVE": ServiceAccount.STATE_ACTIVE,
    "SUSPENDED": ServiceAccount.STATE_DISABLED,
    "REMOVED": ServiceAccount.STATE_DELETED,
}
STATES_BY_NAME: Final = {"ACTIVE": "ACTIVE", "DISABLED": "SUSPENDED", "DELETED": "REMOVED"}
"""The values in the column by the names of `ServiceAccount.State`."""


def service_account_name(row: ServiceAccountRow) -> ResourceName:
    """Returns the resource name of the service account."""
    return ResourceName(row.organization, SERVICE_ACCOUNTS, row.service_account)


def service_account_message(row: ServiceAccountRow, *, full: bool = False, named: bool = False) -> ServiceAccount:
    """Returns the service account as a resource; with `full`, also spend and budget; with either, the name of the group.

    The audit log has no such names, because they are not the resource's own.
    """
    message = ServiceAccount(
        name=str(service_account_name(row)),
        display_name=row.display_name,
        group=str(ResourceName(row.organization, GROUPS, row.group)) if row.group else "",
        state=STATES[row.state],
        key_count=row.key_count,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )
    if full or named:
        message.group_display_name = row.group_display_name
    if full:
        set_spend(message, row)
    return message


def check_create(request: service_account_pb2.CreateServiceAccountRequest) -> Iterable[FieldViolation]:
    """Checks the id."""
    chosen = request.service_account_id
    if chosen and not is_service_account(chosen):
        yield FieldViolation(
            "service_account_id", f"must begin with `{ID_PREFIX}-`, such as `{ID_PREFIX}-{chosen[:50]}`"
        )
