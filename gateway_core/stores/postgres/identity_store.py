"""Reads a key with everything above it in one statement: member, groups, organization, and the guardrail of each scope."""

import asyncio
import itertools
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.model.calls.principals import OwnKey, Principal, RevisedPrincipal
from gateway_core.model.catalog.reserves import BudgetMode
from gateway_core.model.limits.address_lists import parse_networks
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import Guardrail, GuardrailMode
from gateway_core.model.limits.model_budgets import model_budget_of
from gateway_core.model.limits.model_whitelists import compile_stored
from gateway_core.model.limits.rollovers import rollover_of
from gateway_core.model.limits.soft_budgets import soft_budget_of
from gateway_core.model.limits.temporary_limits import temporary_limit_of
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.caller_routing import NO_ROUTING
from gateway_core.model.routing.encoded_routing import routing_of_text
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.rate_rules import decode_rules

T = TypeVar("T", bound=Hashable)

CHANNEL: Final = "megarouter_identity"
REVISION_CHANNEL: Final = "megarouter_identity_revision"
"""Notified after the changes of a transaction with `organization revision`: the revision that they made."""

_BYTES_PER_TOKEN: Final = {"STRICT": 1, "BALANCED": 4}

# The function runs with the owner's rights. The service can look up the key of a hash, but cannot list identities.
_SELECT: Final = """
SELECT asked.key_hash, found.*, is_switched_off(found.organization_id),
       routing_of(found.organization_id, found.group_path, found.api_key_id), own_credentials_of(found.organization_id)
  FROM unnest($1::bytea[]) AS asked (key_hash), LATERAL identity_of_key(asked.key_hash) AS found
"""
_REVISIONS: Final = "SELECT organization_id, revision FROM identity_revisions_of($1)"
_USED_LATELY: Final = "SELECT key_hash FROM hashes_of_keys_used_lately($1)"
_REHASH: Final = "SELECT rehash_api_key($1, $2)"
_CONCURRENT_STATEMENTS: Final = 2
"""Fewer than the connections of the pool, because holds are recorded at the same time."""
_HASHES_PER_STATEMENT: Final = 200
_NO_MORE: Final[Mapping[str, Any]] = {}
_ROWS_PER_TURN: Final = 20
"""Rows converted before calls get their turn. Each takes a tenth of a millisecond."""


# With the rights of admin_service, behind the wall between organizations.
_OF_API_KEY: Final = """
SELECT found.*, is_switched_off(found.organization_id), routing_of(found.organization_id, found.group_path, found.api_key_id),
       own_credentials_of(found.organization_id)
  FROM api_keys k, LATERAL identity_of_key(k.secret_hash) AS found
 WHERE k.organization_id = $1 AND k.api_key_id = $2 AND k.state <> 'DELETED'
"""


_OF_MEMBER: Final = """
SELECT m.organization_id, '' AS api_key_id, m.member_id, true AS api_key_active, NULL::float8 AS expire_epoch_s,
       m.state = 'ACTIVE' AS member_active, coalesce(g.path, '{}') AS group_path, o.state = 'ACTIVE' AS organization_active,
       o.time_zone, o.input_estimate, o.budget_mode, false AS secret_replaced, NULL::text[] AS ip_allow_list,
       coalesce(above.guardrails, '[]') AS guardrails, above.more_limits, is_switched_off(m.organization_id),
       routing_of(m.organization_id, coalesce(g.path, '{}'), ''), own_credentials_of(m.organization_id)
  FROM members m
  JOIN organizations o ON o.organization_id = m.organization_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle, r.cycle_revision,
                                       r.requests_per_minute, r.model_whitelist, r.mode, r.tokens_per_minute,
                                       r.concurrency_limit, r.rate_rules)) AS guardrails,
           jsonb_object_agg(r.scope_kind || ':' || r.scope_id, r.more) FILTER (WHERE r.more IS NOT NULL) AS more_limits
      FROM (SELECT 'member' AS kind, m.member_id AS id
            UNION ALL SELECT 'group', unnest(g.path)
            UNION ALL SELECT 'organization', m.organization_id) AS scope
     CROSS JOIN LATERAL (
        SELECT w.*, more_limits_of(w.temporary_limit, w.soft_budget, w.model_budgets, w.rollover) AS more
          FROM guardrails w
         WHERE w.organization_id = m.organization_id AND w.scope_kind = scope.kind AND w.scope_id = scope.id
        OFFSET 0) AS r) AS above
 WHERE m.organization_id = $1 AND m.member_id = $2
"""


async def principal_of_member(connection: Connection, organization: str, member: str) -> Principal | None:
    """Returns a principal for a member without a key, for admin_service to explain decisions; None if there is no such
    member.

    Its guardrails begin with the member's. It is never used to admit a call.
    """
    row = await connection.fetchrow(_OF_MEMBER, organization, member)
    if row is None:
        return None
    principal = principal_of_row(row)
    return replace(principal, guardrails=principal.guardrails[1:])


async def principal_of_api_key(connection: Connection, organization: str, api_key: str) -> Principal | None:
    """Returns the principal of a key by its id, for admin_service to explain decisions; None if there is no such key."""
    row = await connection.fetchrow(_OF_API_KEY, organization, api_key)
    return None if row is None else principal_of_row(row)


class Statements(Protocol):
    """Executes statements: a pool."""

    async def fetch(self, query: str, *args: Any) -> Sequence[asyncpg.Record]:  # noqa: ANN401 - as asyncpg has it
        """Returns the rows of a query."""


class IdentityStore:
    """Reads identities from PostgreSQL.

    Concurrent lookups share statements. So a service that starts among ten thousand busy keys does not make ten
    thousand queries.
    """

    def __init__(self, pool: Statements) -> None:
        self._pool = pool
        self._waiting: dict[bytes, asyncio.Future[RevisedPrincipal | None]] = {}
        """Lookups that no statement has started yet."""
        self._asking: set[asyncio.Task[None]] = set()

    async def identity_of(self, secret_hash: bytes) -> RevisedPrincipal | None:
        """Returns the identity of a key's hash, read after this call; None if no such key exists. A deleted key does
        not exist.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        future = self._waiting.get(secret_hash)
        if future is None:
            future = self._waiting[secret_hash] = asyncio.get_running_loop().create_future()
        if len(self._asking) < _CONCURRENT_STATEMENTS:
            task = asyncio.create_task(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return await asyncio.shield(future)

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, RevisedPrincipal]:
        """Returns the identities of the hashes that belong to keys, in one statement.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        found: dict[bytes, RevisedPrincipal] = {}
        for number, row in enumerate(await self._pool.fetch(_SELECT, hashes), start=1):
            found[row["key_hash"]] = RevisedPrincipal(principal_of_row(row), row["revision"])
            if number % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        return found

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        """Returns the revision of each organization. Organizations that never changed are omitted.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        return {row["organization_id"]: row["revision"] for row in await self._pool.fetch(_REVISIONS, organizations)}

    async def used_lately(self, entries: int) -> Sequence[bytes]:
        """Returns hashes of keys used within the last day, most recently used first, at most `entries`.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        return [row["key_hash"] for row in await self._pool.fetch(_USED_LATELY, entries)]

    async def rehash(self, old_hash: bytes, new_hash: bytes) -> None:
        """Replaces the hash of a key, whose secret does not change.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        await self._pool.fetch(_REHASH, old_hash, new_hash)

    async def _ask(self) -> None:
        """Looks up until no lookup waits."""
        while self._waiting:
            hashes = list(itertools.islice(self._waiting, _HASHES_PER_STATEMENT))
            futures = {secret_hash: self._waiting.pop(secret_hash) for secret_hash in hashes}
            try:
                found = await self.identities_of(hashes)
            except Exception as error:  # noqa: BLE001 - passed to every waiting lookup
                for future in futures.values():
                    future.set_exception(error)
            else:
                for secret_hash, future in futures.items():
                    future.set_result(found.get(secret_hash))
            finally:
                for future in futures.values():
                    future.cancel()  # reached by neither of the two, because this task was canceled


def principal_of_row(row: asyncpg.Record) -> Principal:
    """Converts a row of `identity_of_key`. Its lists are compiled once for all calls."""
    networks = row["ip_allow_list"]
    stored = {(rail[0], rail[1]): rail for rail in json.loads(row["guardrails"])}
    more = json.loads(row["more_limits"]) if row["more_limits"] else {}
    return Principal(
        organization=_shared(row["organization_id"]),
        organization_active=row["organization_active"],
        zone=ZoneInfo(row["time_zone"]),
        bytes_per_token=_BYTES_PER_TOKEN[row["input_estimate"]],
        group_path=_shared(tuple(row["group_path"])),
        member=_shared(row["member_id"]),
        member_active=row["member_active"],
        api_key=row["api_key_id"],
        api_key_active=row["api_key_active"],
        expire_epoch_s=row["expire_epoch_s"],
        guardrails=tuple(
            _guardrail_of(
                scope, stored.get((scope.kind, scope.scope_id)), more.get(f"{scope.kind}:{scope.scope_id}", _NO_MORE)
            )
            for scope in _scopes(row)
        ),
        ip_allow_list=None if networks is None else parse_networks(networks),
        secret_replaced=row["secret_replaced"],
        budget_mode=BudgetMode(row["budget_mode"]),
        is_switched_off=row["is_switched_off"],
        routing=routing_of_text(row["routing_of"], _scopes(row)) if row["routing_of"] else NO_ROUTING,
        own_keys=_shared(_own_keys(row["own_credentials_of"])) if row["own_credentials_of"] else (),
    )


def _own_keys(text: str) -> tuple[OwnKey, ...]:
    return tuple(OwnKey(provider, *terms) for provider, terms in sorted(json.loads(text).items()))


@lru_cache(maxsize=8_192, typed=True)
def _first_equal(value: Hashable) -> Hashable:
    return value


def _shared(value: T) -> T:
    """Returns an equal value that another identity may share. Most of an identity is the same for many keys, and is stored once."""
    return cast("T", _first_equal(value))


def _scopes(row: asyncpg.Record) -> tuple[Scope, ...]:
    """Returns the scopes of a row, narrowest first."""
    return (
        Scope(ScopeKind.API_KEY, row["api_key_id"]),
        Scope(ScopeKind.MEMBER, row["member_id"]),
        *(Scope(ScopeKind.GROUP, group) for group in reversed(row["group_path"])),
        Scope(ScopeKind.ORGANIZATION, row["organization_id"]),
    )


def _guardrail_of(scope: Scope, rail: list[Any] | None, more: Mapping[str, Any]) -> Guardrail:
    guardrail = Guardrail(scope) if rail is None else _guardrail(scope, rail, more)
    return guardrail if scope.kind is ScopeKind.API_KEY else _shared(guardrail)


def _guardrail(scope: Scope, rail: list[Any], more: Mapping[str, Any]) -> Guardrail:
    (
        _kind,
        _scope_id,
        budget,
        cycle,
        revision,
        requests_per_minute,
        whitelist,
        mode,
        tokens_per_minute,
        concurrency,
        rules,
    ) = rail
    return Guardrail(
        scope=scope,
        budget_nano_credits=budget,
        cycle=Cycle(cycle),
        cycle_revision=revision,
        requests_per_minute=requests_per_minute,
        model_whitelist=None if whitelist is None else compile_stored(whitelist),
        mode=GuardrailMode(mode),
        tokens_per_minute=tokens_per_minute,
        concurrency_limit=concurrency,
        rate_rules=decode_rules(rules),
        temporary=temporary_limit_of(more["temporary"]) if "temporary" in more else None,
        soft=soft_budget_of(more["soft"]) if "soft" in more else None,
        model_budgets=tuple(map(model_budget_of, more.get("models", ()))),
        rollover=rollover_of(more["rollover"]) if "rollover" in more else None,
    )
