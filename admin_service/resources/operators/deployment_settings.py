"""Writes the settings of the deployment that the data plane must know to the database."""

from typing import Final

from admin_service.access.authorization import Origin
from admin_service.serving.audit_entries import Author
from gateway_core.stores.postgres.connections import Connection

METHOD: Final = "megarouter.admin.v1.Deployment/ApplySettings"
_RESOURCE: Final = "deploymentSettings"
# Only if it differs, because a change makes authz_service read every identity again.
_SET_PERSONAL_ACCOUNTS: Final = """
UPDATE deployment_settings SET personal_accounts = $1, update_time = now() WHERE personal_accounts <> $1 RETURNING true
"""


async def apply_deployment_settings(connection: Connection, *, offers_personal_accounts: bool) -> None:
    """Stores the settings, and writes a change into the operators' log. authz_service follows at once."""
    async with connection.transaction():
        if await connection.fetchval(_SET_PERSONAL_ACCOUNTS, offers_personal_accounts):
            author = Author("", METHOD, Origin())
            before, after = (
                f'{{"personalAccounts": {str(value).lower()}}}'
                for value in (not offers_personal_accounts, offers_personal_accounts)
            )
            await author.write_for_operators(connection, None, _RESOURCE, before, after)
