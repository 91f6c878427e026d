"""Gives an organization its own key at a provider, by SQL."""

import asyncio
import os

from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.tenants import Tenant

_TABLE = "organization_provider_credentials"
_PATIENCE_S = 30.0
_PUSHED_S = 0.5


async def bring_own_key(tenant: Tenant, stack: Stack, provider: str, secret: str) -> None:
    """Seals the key for its place, and waits until calls carry it."""
    keys = CredentialKeys((bytes.fromhex(load_or_make_secrets(stack.home).credential_key),), os.urandom)
    credential = f"ownkey-{tenant.organization}-{provider}"
    await tenant.database.execute(
        f"INSERT INTO {_TABLE} (organization_id, provider_id, credential_id, sealed, fingerprint, set_by)"  # noqa: S608
        " VALUES ($1, $2, $3, $4, '', 'test')",
        tenant.organization,
        provider,
        credential,
        keys.seal(secret, CredentialPlace(provider, tenant.organization)),
    )
    file = stack.home.envoy_files.live / "own_keys" / credential
    async with asyncio.timeout(_PATIENCE_S):
        while not await asyncio.to_thread(file.exists):
            await asyncio.sleep(0.05)
    await tenant.database.execute(f"UPDATE {_TABLE} SET live = true WHERE credential_id = $1", credential)  # noqa: S608
    await asyncio.sleep(_PUSHED_S)
