"""Which key and model write an organization's analyses. The key's secret is derived when it is needed, and stored nowhere."""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from gateway_core.model.organization.bearer_secrets import API_KEY, Peppers, hash_secret
from gateway_core.stores.postgres.connections import Connection

SALT_BYTES: Final = 32
_PURPOSE: Final = b"analysis key"
_GET: Final = "SELECT api_key_id, salt, model, update_time FROM analysis_settings WHERE organization_id = $1"
_SET: Final = """
INSERT INTO analysis_settings (organization_id, api_key_id, salt, model) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id) DO UPDATE
SET api_key_id = excluded.api_key_id, salt = excluded.salt, model = excluded.model, update_time = clock_timestamp()
"""
_CLEAR: Final = "DELETE FROM analysis_settings WHERE organization_id = $1"
_HASH: Final = "SELECT secret_hash FROM api_keys WHERE organization_id = $1 AND api_key_id = $2 AND state = 'ACTIVE'"
_SERVES_CHAT: Final = (
    "SELECT definition -> 'endpoints' ? 'chat_completions' FROM models WHERE model_name = $1 AND offered"
)


@dataclass(frozen=True, slots=True)
class AnalysisSetting:
    """The setting of an organization."""

    api_key: str
    salt: bytes
    model: str
    update_time: dt.datetime


async def get_setting(connection: Connection, organization: str) -> AnalysisSetting | None:
    """Returns the setting, or None if there is none. The transaction must act for the organization."""
    row = await connection.fetchrow(_GET, organization)
    return AnalysisSetting(*row) if row else None


async def set_setting(connection: Connection, organization: str, api_key: str, salt: bytes, model: str) -> None:
    """Stores the setting in place of an earlier one."""
    await connection.execute(_SET, organization, api_key, salt, model)


async def clear_setting(connection: Connection, organization: str) -> None:
    """Removes the setting."""
    await connection.execute(_CLEAR, organization)


def derived_secret(pepper: bytes, organization: str, api_key: str, salt: bytes) -> str:
    """Returns the secret of a key, which only a holder of the pepper can compute."""
    facts = b"\0".join((_PURPOSE, organization.encode(), api_key.encode(), salt))
    return API_KEY.make(hmac.digest(pepper, facts, hashlib.sha256))


async def present_secret(
    connection: Connection, organization: str, setting: AnalysisSetting, peppers: Peppers
) -> str | None:
    """Returns the key's secret; None if the key has another one by now, or is not active."""
    stored: bytes | None = await connection.fetchval(_HASH, organization, setting.api_key)
    accepted = (peppers.current, *peppers.others)
    for pepper in accepted:
        secret = derived_secret(pepper, organization, setting.api_key, setting.salt)
        if stored is not None and any(hash_secret(secret, one) == stored for one in accepted):
            return secret
    return None


async def serves_chat(connection: Connection, model: str) -> bool:
    """Whether the catalog has the model, and it serves chat completions."""
    return bool(await connection.fetchval(_SERVES_CHAT, model))
