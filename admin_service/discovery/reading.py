"""Reads from the database what Envoy should have."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from admin_service.discovery.own_keys import OwnKey
from admin_service.resources.catalog_changes import store
from admin_service.resources.catalog_changes.limits import find_limits
from admin_service.resources.catalog_changes.sealed import SealedCredential, sealed_own_keys
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace
from admin_service.resources.catalog_changes.store import StoredProvider
from gateway_core.model.deployments.fallbacks import orders_of
from gateway_core.model.deployments.live_configuration import wanted_document
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.catalog_store import read_snapshot

logger = logging.getLogger(__name__)

_NUMBER: Final = "SELECT coalesce(max(number), 0) FROM configuration_versions"
_WITH_CREDENTIALS: Final = (
    f"SELECT {store.PROVIDER_COLUMNS} FROM {store.PROVIDER_SOURCE}"  # noqa: S608 - constants
    " WHERE c.sealed IS NOT NULL AND NOT p.removed ORDER BY p.provider_id"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the database says, for `megarouter_envoy.live`."""

    number: int
    """Of the newest change."""
    document: Mapping[str, Any]
    """What is rendered, with credentials in the clear."""
    public: Mapping[str, Any]
    """The same with the times at which credentials were set instead of them."""
    own_keys: Sequence[OwnKey] = ()
    """The keys that organizations have at providers themselves."""


class WantedReader:
    """Reads everything at one moment."""

    def __init__(self, pool: asyncpg.Pool, options_file: Path, keys: CredentialKeys | None) -> None:
        """Prepares the work.

        Args:
            pool: logged in as admin_service's role.
            options_file: what Envoy's own surroundings say, such as the targets of the catalog file that have a credential there.
            keys: open credentials. None: the deployment keeps none.
        """
        self._pool = pool
        self._options_file = options_file
        self._keys = keys
        self._known: dict[tuple[CredentialPlace, bytes], str] = {}
        """The own keys that the last reading opened: there may be thousands, and the database is read every few seconds."""

    async def read(self) -> Wanted:
        """Returns what Envoy should have.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            number = await connection.fetchval(_NUMBER)
            stored = [store.provider_row(*row) for row in await connection.fetch(_WITH_CREDENTIALS)]
            limits = await find_limits(connection)
            snapshot = await read_snapshot(connection)
            own_keys = await sealed_own_keys(connection)
        opened = dict(self._opened(stored))
        providers = [target for one in stored if one.provider.name in opened for target in _targets(one)]
        known = self._local_targets() | {target["target"] for target in providers}
        orders = orders_of(snapshot.providers, snapshot.models.values())
        fallbacks = [order for order in orders if known.issuperset(order)]
        times = {one.provider.name: str(one.credential and one.credential.set_time) for one in stored}
        return Wanted(
            number,
            wanted_document(_with_secrets(providers, opened), fallbacks, limits),
            wanted_document(_with_secrets(providers, times), fallbacks, limits),
            list(self._opened_own(own_keys)),
        )

    def _opened(self, stored: Iterable[StoredProvider]) -> Iterator[tuple[str, str]]:
        """Yields providers with their credentials. One that no key opens is left out, as if it had none."""
        for one in stored:
            if one.credential is None:
                continue
            secret = self._open(one.credential.sealed, CredentialPlace(one.provider.name))
            if secret is not None:
                yield one.provider.name, secret

    def _opened_own(self, rows: Iterable[SealedCredential]) -> Iterator[OwnKey]:
        """Yields the own keys of organizations. Calls with one that no key opens are refused."""
        before, self._known = self._known, {}
        for one in rows:
            key = (one.place, one.sealed)
            secret = before.get(key) or self._open(one.sealed, one.place)
            if secret is not None:
                self._known[key] = secret
                yield OwnKey(one.credential, one.place.organization, secret)

    def _open(self, sealed: bytes, place: CredentialPlace) -> str | None:
        """Returns a credential; None if no key opens it."""
        try:
            return None if self._keys is None else self._keys.open(sealed, place)
        except SealError:
            extra = {"provider": place.provider, "organization": place.organization}
            logger.error("no key opens a credential", extra=extra)  # noqa: TRY400
            return None

    def _local_targets(self) -> set[str]:
        return {target["name"] for target in json.loads(self._options_file.read_bytes())["providers"]}


def _targets(stored: StoredProvider) -> Iterator[dict[str, Any]]:
    """Yields the places that receive calls of a provider. A credential in several headers makes several of them."""
    provider = stored.provider
    for target, header in provider.targets.items():
        yield {
            "target": target,
            "provider": provider.name,
            "url": next(iter(provider.dialects.values())),
            "header": header,
            "authentication": provider.authentication and provider.authentication.model_dump(),
        }


def _with_secrets(targets: Iterable[Mapping[str, Any]], secrets: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in target.items() if name != "provider"} | {"secret": secrets[target["provider"]]}
        for target in targets
    ]
