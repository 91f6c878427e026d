"""Providers, credentials, models and versions of the live configuration in PostgreSQL."""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Final

from admin_service.api.etags import etag_of
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.stores.postgres.catalog_store import LOCK_ID, stored_form
from gateway_core.stores.postgres.connections import Connection

FILE: Final = "FILE"
API: Final = "API"

NAME_OF_USER: Final = "coalesce(nullif(u.display_name, ''), u.email, '')"
"""The present name of the user `u`, or else the e-mail address. Empty without a row of `u`."""

PROVIDER_COLUMNS: Final = (
    f"p.provider_id, p.definition, p.origin, p.removed, c.sealed, c.fingerprint, c.set_by, c.set_time, {NAME_OF_USER}"
)
PROVIDER_SOURCE: Final = """
providers p LEFT JOIN provider_credentials c ON c.provider_id = p.provider_id LEFT JOIN users u ON u.user_id = c.set_by
"""
_PROVIDER: Final = f"SELECT {PROVIDER_COLUMNS} FROM {PROVIDER_SOURCE} WHERE p.provider_id = $1"  # noqa: S608
_PUT_PROVIDER: Final = """
INSERT INTO providers (provider_id, definition, origin, removed) VALUES ($1, $2, $3, $4)
ON CONFLICT (provider_id) DO UPDATE SET definition = excluded.definition, origin = excluded.origin, removed = excluded.removed
"""
_PUT_CREDENTIAL: Final = """
INSERT INTO provider_credentials (provider_id, sealed, fingerprint, set_by, set_time) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (provider_id) DO UPDATE
SET sealed = excluded.sealed, fingerprint = excluded.fingerprint, set_by = excluded.set_by, set_time = excluded.set_time
"""
_DELETE_CREDENTIAL: Final = "DELETE FROM provider_credentials WHERE provider_id = $1"
_USERS_OF_PROVIDER: Final = """
SELECT model_name FROM models
 WHERE offered AND (provider_id = $1 OR definition->'deployments' @> jsonb_build_array(jsonb_build_object('provider', $1::text)))
 ORDER BY model_name LIMIT 1
"""
_MODEL: Final = "SELECT definition, origin, offered FROM models WHERE model_name = $1"
_PUT_MODEL: Final = """
INSERT INTO models (model_name, provider_id, definition, offered, origin) VALUES ($1, $2, $3, $4, 'API')
ON CONFLICT (model_name) DO UPDATE
SET provider_id = excluded.provider_id, definition = excluded.definition, offered = excluded.offered, origin = excluded.origin
"""
_TAKEN_NAME: Final = """
SELECT name FROM (
    SELECT m.model_name AS name FROM models m WHERE m.offered AND m.model_name <> $1
    UNION ALL SELECT jsonb_array_elements_text(m.definition->'aliases') FROM models m WHERE m.offered AND m.model_name <> $1
    UNION ALL SELECT v.model_name FROM catalog_virtual_models v) taken
 WHERE name = ANY($2) LIMIT 1
"""
_ADD_VERSION: Final = """
INSERT INTO configuration_versions (user_id, method, resource_name) VALUES ($1, $2, $3) RETURNING number
"""
_NAME_OF_USER: Final = f"SELECT {NAME_OF_USER} FROM users u WHERE u.user_id = $1"  # noqa: S608
VERSION_COLUMNS: Final = f"v.number, v.create_time, v.user_id, v.method, v.resource_name, v.refusal, {NAME_OF_USER}"
VERSION_SOURCE: Final = "configuration_versions v LEFT JOIN users u ON u.user_id = v.user_id"


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential as it is stored."""

    sealed: bytes
    fingerprint: str
    set_by: str
    set_time: dt.datetime
    setter_name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """A provider as it is stored."""

    provider: Provider
    origin: str
    is_removed: bool
    credential: StoredCredential | None

    @property
    def etag(self) -> str:
        """Changes with every change."""
        credential = self.credential and (self.credential.fingerprint, self.credential.set_time)
        return etag_of(self.provider.model_dump_json(), self.origin, self.is_removed, credential)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model as it is stored, without its prices."""

    model: Model
    origin: str
    is_offered: bool

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.model.model_dump_json(), self.origin, self.is_offered)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of the live configuration."""

    number: int
    create_time: dt.datetime
    user: str
    method: str
    resource: str
    refusal: str
    user_name: str


def provider_row(  # the columns of a row
    _provider_id: str,
    definition: str,
    origin: str,
    is_removed: bool,  # noqa: FBT001 - a column
    sealed: bytes | None,
    fingerprint: str,
    set_by: str,
    set_time: dt.datetime,
    setter_name: str,
) -> StoredProvider:
    """Makes a row from `PROVIDER_COLUMNS`."""
    credential = None if sealed is None else StoredCredential(sealed, fingerprint, set_by, set_time, setter_name)
    return StoredProvider(Provider.model_validate_json(definition), origin, is_removed, credential)


async def lock_catalog(connection: Connection) -> None:
    """Lets changes of the catalog run one after another, also those by its file."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_ID)


async def find_provider(connection: Connection, provider: str) -> StoredProvider | None:
    """Returns a provider, even if it was removed; None if there was none."""
    row = await connection.fetchrow(_PROVIDER, provider)
    return None if row is None else provider_row(*row)


async def put_provider(connection: Connection, stored: StoredProvider) -> None:
    """Stores a provider with its credential, or without one."""
    name = stored.provider.name
    definition = json.dumps(stored_form(stored.provider))
    await connection.execute(_PUT_PROVIDER, name, definition, stored.origin, stored.is_removed)
    if stored.credential is None:
        await connection.execute(_DELETE_CREDENTIAL, name)
    else:
        one = stored.credential
        await connection.execute(_PUT_CREDENTIAL, name, one.sealed, one.fingerprint, one.set_by, one.set_time)


async def count_providers(connection: Connection) -> int:
    """Returns how many providers the API has added."""
    return int(await connection.fetchval("SELECT count(*) FROM providers WHERE origin = 'API' AND NOT removed"))


async def model_served_by(connection: Connection, provider: str) -> str | None:
    """Returns a model on offer that the provider serves; None if there is none."""
    name: str | None = await connection.fetchval(_USERS_OF_PROVIDER, provider)
    return name


async def find_model(connection: Connection, name: str) -> StoredModel | None:
    """Returns a model, even if it is retired; None if there was none."""
    row = await connection.fetchrow(_MODEL, name)
    return None if row is None else StoredModel(Model.model_validate_json(row[0]), row[1], row[2])


async def put_model(connection: Connection, model: Model, *, is_offered: bool) -> None:
    """Stores a model of the API, without its prices."""
    definition = json.dumps(stored_form(model, {"schedules"}))
    await connection.execute(_PUT_MODEL, model.name, model.provider, definition, is_offered)


async def count_models(connection: Connection) -> int:
    """Returns how many models the API offers."""
    return int(await connection.fetchval("SELECT count(*) FROM models WHERE origin = 'API' AND offered"))


async def taken_name(connection: Connection, model: Model) -> str | None:
    """Returns a name of the model that another model on offer has; None if there is none."""
    name: str | None = await connection.fetchval(_TAKEN_NAME, model.name, [model.name, *model.aliases])
    return name


async def name_of_user(connection: Connection, user: str) -> str:
    """Returns the present name of a user, or else the e-mail address."""
    name: str = await connection.fetchval(_NAME_OF_USER, user)
    return name


async def add_version(connection: Connection, user: str, method: str, resource: str) -> int:
    """Notes who changes what. Returns the number of the version that this change makes."""
    return int(await connection.fetchval(_ADD_VERSION, user, method, resource))
