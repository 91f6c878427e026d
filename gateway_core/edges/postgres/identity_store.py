"""Reads a key with everything above it: member, groups, organization, and the guardrail of each scope, in one statement."""

import json
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.domain.cycles import Cycle
from gateway_core.domain.principals import Guardrail, Principal
from gateway_core.domain.scopes import Scope, ScopeKind

CHANNEL: Final = "megarouter_identity"

_BYTES_PER_TOKEN: Final = {"STRICT": 1, "BALANCED": 4}

# A function that runs with the owner's rights: the service cannot list identities, only look up who has a key's hash.
_SELECT: Final = "SELECT * FROM identity_of_key($1)"


class IdentityStore:
    """Identities as PostgreSQL has them now."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def principal_of(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash, None when no such key exists (a deleted key does not).

        Raises:
            the errors of `connections.UNAVAILABLE`: the database does not answer.
        """
        row = await self._pool.fetchrow(_SELECT, secret_hash)
        return None if row is None else _principal(row)


def _principal(row: asyncpg.Record) -> Principal:
    stored = {Scope(ScopeKind(rail[0]), rail[1]): _guardrail(rail) for rail in json.loads(row["guardrails"])}
    return Principal(
        organization=row["organization_id"],
        organization_active=row["organization_active"],
        zone=ZoneInfo(row["time_zone"]),
        bytes_per_token=_BYTES_PER_TOKEN[row["input_estimate"]],
        group_path=tuple(row["group_path"]),
        member=row["member_id"],
        member_active=row["member_active"],
        api_key=row["api_key_id"],
        api_key_active=row["api_key_active"],
        expire_epoch_s=row["expire_epoch_s"],
        guardrails=tuple(stored.get(scope, Guardrail(scope)) for scope in _scopes(row)),
    )


def _scopes(row: asyncpg.Record) -> tuple[Scope, ...]:
    """Narrowest first."""
    return (
        Scope(ScopeKind.API_KEY, row["api_key_id"]),
        Scope(ScopeKind.MEMBER, row["member_id"]),
        *(Scope(ScopeKind.GROUP, group) for group in reversed(row["group_path"])),
        Scope(ScopeKind.ORGANIZATION, row["organization_id"]),
    )


def _guardrail(rail: list[Any]) -> Guardrail:
    kind, scope_id, budget, cycle, revision, requests_per_minute, whitelist = rail
    return Guardrail(
        scope=Scope(ScopeKind(kind), scope_id),
        budget_nano_credits=budget,
        cycle=Cycle(cycle),
        cycle_revision=revision,
        requests_per_minute=requests_per_minute,
        model_whitelist=None if whitelist is None else frozenset(whitelist),
    )
