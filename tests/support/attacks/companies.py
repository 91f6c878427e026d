"""Two organizations for attacks on walls and roles: `home` has every role and resource, and `abroad` has the same names.

The ids of all resources are the same in both, so an RPC that forgets the organization finds something.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from google.protobuf import json_format
from google.protobuf.message import Message

from admin_service.access.permission_matrix import PEOPLE, audit_log_sequence
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY, hash_secret
from tests.support.attacks import secrets_shown

GROUPS: Final = {
    "eng": ["eng"],
    "platform": ["eng", "platform"],
    "inference": ["eng", "platform", "inference"],
    "evaluation": ["eng", "platform", "inference", "evaluation"],
    "sales": ["sales"],
    "abroad": ["abroad"],
}
MEMBERS: Final = (
    *((person.member, person.role.value, person.group_path[-1] if person.group_path else None) for person in PEOPLE),
    ("below", "MEMBER", "inference"),
    ("visitor", "MEMBER", "sales"),
    ("worker", "MEMBER", "abroad"),
    ("stranger", "SUPER_ADMIN", None),
)
_SUFFIX_BYTES: Final = 4

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


@dataclass
class Company:
    """An organization with members of every role, and every kind of resource."""

    ident: str
    tokens: dict[str, str] = field(default_factory=dict)
    """The access token of each member."""
    keys: dict[str, str] = field(default_factory=dict)
    """The secret of each member's key, which is `key-MEMBER`."""
    audit_sequences: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"organizations/{self.ident}"

    def named(self, text: str, template: str = "organizations/acme") -> str:
        """Returns a text about the example organization as one about this organization."""
        text = text.replace(f"{template}/", f"{self.name}/")
        for person in PEOPLE:
            old = f"{self.name}/auditLogEntries/{audit_log_sequence(person)}"
            if text == old:
                return f"{self.name}/auditLogEntries/{self.audit_sequences[person.member]}"
        return self.name if text == template else text


def renamed(request: Message, names: Iterable[tuple[str, Company]]) -> Message:
    """Returns a request about example organizations as one about these companies."""
    text = json_format.MessageToJson(request)
    for template, company in names:
        text = text.replace(f'"{template}"', f'"{company.name}"').replace(f"{template}/", f"{company.name}/")
    return json_format.Parse(text, type(request)())


async def make_company(database: asyncpg.Pool, pepper: bytes, label: str) -> Company:
    """Creates an organization with everything in it."""
    company = Company(f"{label}-{os.urandom(_SUFFIX_BYTES).hex()}")
    async with database.acquire() as connection, connection.transaction():
        await _add_tree(connection, company)
        for member, role, group in MEMBERS:
            await _add_member(connection, pepper, company, member, role, group)
            await _add_belongings(connection, company, member, role, group)
        await _add_singletons(connection, company)
    secrets_shown.remember(*company.tokens.values(), *company.keys.values())
    return company


async def _add_tree(connection: Connection, company: Company) -> None:
    await connection.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", company.ident)
    await connection.execute(
        "UPDATE credit_lines SET line_nano_credits = NULL WHERE organization_id = $1", company.ident
    )
    for group, path in GROUPS.items():
        await connection.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $2)",
            company.ident, group, path[-2] if len(path) > 1 else None, path,
        )  # fmt: skip


async def _add_member(
    connection: Connection, pepper: bytes, company: Company, member: str, role: str, group: str | None
) -> None:
    token, key = ACCESS_TOKEN.make(os.urandom(32)), API_KEY.make(os.urandom(32))
    company.tokens[member], company.keys[member] = token, key
    user = f"{company.ident}-{member}"
    await connection.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', $2)", user, member)
    await connection.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, $2, $3, $4, $5)",
        company.ident, member, user, group, role,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, only_organization_id, expire_time)"
        " VALUES ($1, $1, $2, $3, now() + interval '1 hour')",
        user, hash_secret(token, pepper), None,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ($1, 'key-' || $2, $2, $2, $3, $4)",
        company.ident, member, hash_secret(key, pepper), API_KEY.obfuscated(key),
    )  # fmt: skip


async def _add_belongings(connection: Connection, company: Company, member: str, role: str, group: str | None) -> None:
    await connection.execute(
        "INSERT INTO invites (organization_id, invite_id, inviter_member_id, group_id, role, secret_hash, expire_time)"
        " VALUES ($1, 'invite-' || $2, $2, $3, $4, sha256(($1 || $2)::bytea), now() + interval '1 day')",
        company.ident, member, group, role,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO claim_mappings (organization_id, claim_mapping_id, issuer, claim, value, role, group_id, user_id)"
        " VALUES ($1, 'claim-' || $2, 'i', 'groups', $2, $4, $3, $1 || '-' || $2)",
        company.ident, member, group, role,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO members (organization_id, member_id, display_name, group_id, role) VALUES ($1, 'sa-' || $2, $2, $3, 'MEMBER')",
        company.ident, member, group,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO sign_in_links (organization_id, sign_in_link_id, member_id, secret_hash, maker_user_id, expire_time)"
        " VALUES ($1, 'link-' || $2, $2, sha256(($1 || $2)::bytea), $1 || '-' || $2, now() + interval '1 day')",
        company.ident, member,
    )  # fmt: skip
    path = GROUPS[group] if group else []
    await connection.execute(
        "INSERT INTO usage_anomalies (organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time,"
        " end_time, time_zone, group_path, member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits,"
        " highest_usual_nano_credits, volume_nano_credits, size_nano_credits, price_nano_credits, parts, ledger_sequence)"
        " VALUES ($1, 'anomaly-' || $2, 'member', $2, '2026-03-01', 'DAY', now(), now(), 'UTC', $3, $2, 9, 1, 0, 3,"
        """ 8, 0, 0, '{"members": [], "keys": [], "models": []}', 1)""",
        company.ident, member, path,
    )  # fmt: skip
    company.audit_sequences[member] = await connection.fetchval(
        "INSERT INTO audit_log (organization_id, user_id, method, resource_name, group_path) VALUES ($1, $2, 'm', 'r', $3)"
        " RETURNING sequence",
        company.ident, f"{company.ident}-{member}", path,
    )  # fmt: skip
    for kind, scope in (("member", member), ("api_key", f"key-{member}"), ("member", f"sa-{member}")):
        await connection.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits) VALUES ($1, $2, $3, 1000000000)",
            company.ident, kind, scope,
        )  # fmt: skip


async def _add_singletons(connection: Connection, company: Company) -> None:
    scopes = (("organization", company.ident), *(("group", group) for group in GROUPS))
    for kind, scope in scopes:
        await connection.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits) VALUES ($1, $2, $3, 1000000000)",
            company.ident, kind, scope,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO guardrail_defaults (organization_id, scope_kind, scope_id) VALUES ($1, $2, $3)",
            company.ident, kind, scope,
        )  # fmt: skip
    user = f"{company.ident}-super"
    await connection.execute(
        "INSERT INTO credentials (organization_id, credential_id, user_id, kind, display_name, permissions, secret_hash,"
        " obfuscated_secret, expire_time, creator_user_id) VALUES"
        " ($1, 'cred-1', $2, 'AUTOMATION', 'x', '{groups:read}', sha256($1::text::bytea), 'x', now() + interval '1 day', $2)",
        company.ident, user,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO invoice_requests (organization_id, invoice_request_id, user_id, currency_code, amount_units, amount_nanos,"
        " credit_nano_credits, billing_email) VALUES ($1, 'inv-1', $2, 'USD', 1, 0, 1, 'a@example.org')",
        company.ident, user,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO top_up_requests (organization_id, top_up_request_id, user_id, idempotency_key, amount_nano_credits)"
        " VALUES ($1, 'topup-1', $2, 'k', 1)",
        company.ident, user,
    )  # fmt: skip


_TABLES_QUERY: Final = (
    "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE c.table_schema = 'public' AND c.column_name = 'organization_id' AND t.table_type = 'BASE TABLE' ORDER BY 1"
)


async def snapshot(database: asyncpg.Pool, company: Company) -> dict[str, str]:
    """Returns a fingerprint of each table's rows of a company and of its people.

    Leaves out what the audit log says about refusals, which is how attacks are meant to show, and how far alerts have followed
    the ledger.
    """
    tables = [row[0] for row in await database.fetch(_TABLES_QUERY) if row[0] != "alert_positions"]
    parts = [
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"  # noqa: S608
        f" WHERE organization_id = $1" + (" AND refusal = ''" if table == "audit_log" else "")
        for table in tables
    ]
    parts += [
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"  # noqa: S608
        " WHERE user_id LIKE $1 || '-%'"
        for table in ("users", "access_tokens", "user_identities")
    ]
    return {row[0]: row[1] for row in await database.fetch(" UNION ALL ".join(parts), company.ident)}
