"""Writes the demo organization to the real tables. Existing rows stay as they are, including manual changes."""

import datetime as dt
from typing import Final

from admin_service.demo import content
from admin_service.demo.inbox import DemoInbox, add_inbox
from admin_service.demo.secret_file import DemoSecrets
from gateway_core.model.ledger.transfers import top_up
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY, hash_secret
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.ledger_store import post_transfers
from gateway_core.stores.postgres.organization_wall import act_for

NEAR_THE_END: Final = dt.timedelta(days=30)
"""An access token that ends sooner is renewed, unless all lives are that short."""
_ENDED: Final = """
SELECT access_token_id FROM access_tokens
 WHERE access_token_id = ANY ($1::text[]) AND (revoke_time IS NOT NULL OR expire_time <= $2)
"""
_SEED_ROW: Final = """
INSERT INTO access_tokens (access_token_id, user_id, display_name, secret_hash, obfuscated_token, only_organization_id, expire_time,
                           may_operate)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (access_token_id) DO UPDATE
SET secret_hash = excluded.secret_hash, obfuscated_token = excluded.obfuscated_token, may_operate = excluded.may_operate,
    revoke_time = CASE WHEN access_tokens.secret_hash = excluded.secret_hash THEN access_tokens.revoke_time END,
    expire_time = CASE WHEN access_tokens.expire_time BETWEEN $9 AND excluded.expire_time THEN access_tokens.expire_time
                       ELSE excluded.expire_time END
"""


async def ended_tokens(connection: Connection, now: dt.datetime) -> list[str]:
    """Returns the ids of the demo's access tokens that were revoked or have expired. They need new secrets."""
    rows = await connection.fetch(_ENDED, [token.token_id for token in content.TOKENS], now)
    return [row[0] for row in rows]


async def seed_demo(
    connection: Connection,
    secrets: DemoSecrets,
    pepper: bytes,
    now: dt.datetime,
    token_life: dt.timedelta,
    inbox: DemoInbox | None = None,
) -> None:
    """Seeds everything in one transaction. A second run changes nothing except secrets, and renews tokens near their end.

    Secrets are always set to the given ones, so that what the seeder prints works.
    """
    async with connection.transaction():
        await act_for(connection, [content.ORGANIZATION])
        await _organization(connection)
        await _members(connection)
        await _api_keys(connection, secrets, pepper)
        await _guardrails(connection)
        await _access_tokens(connection, secrets, pepper, now, token_life)
        await _credit_line(connection)
        await _credit(connection)
        if inbox is not None:
            await add_inbox(connection, inbox)


async def _organization(connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO organizations (organization_id, display_name, time_zone) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        content.ORGANIZATION,
        content.DISPLAY_NAME,
        content.TIME_ZONE,
    )
    await connection.executemany(
        "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        [
            (content.ORGANIZATION, group.group_id, group.parent, list(group.path), group.display_name)
            for group in content.GROUPS
        ],
    )


def _user_id(member_id: str) -> str:
    return f"{content.ORGANIZATION}-{member_id}"


async def _members(connection: Connection) -> None:
    await connection.executemany(
        "INSERT INTO users (user_id, email, display_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(_user_id(member.member_id), member.email, member.display_name) for member in content.MEMBERS],
    )
    await connection.executemany(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role, state) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT DO NOTHING",
        [
            (
                content.ORGANIZATION,
                member.member_id,
                _user_id(member.member_id),
                member.group,
                member.role,
                member.state,
            )
            for member in content.MEMBERS
        ],
    )


async def _api_keys(connection: Connection, secrets: DemoSecrets, pepper: bytes) -> None:
    await connection.executemany(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key, state,"
        " expire_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (organization_id, api_key_id) DO UPDATE"
        " SET secret_hash = excluded.secret_hash, obfuscated_key = excluded.obfuscated_key, update_time = now()"
        " WHERE api_keys.secret_hash <> excluded.secret_hash",
        [
            (
                content.ORGANIZATION,
                key.key_id,
                member.member_id,
                key.key_id,
                hash_secret(secrets.api_keys[key.key_id], pepper),
                API_KEY.obfuscated(secrets.api_keys[key.key_id]),
                key.state,
                key.expire_time,
            )
            for member in content.MEMBERS
            for key in member.keys
        ],
    )


async def _guardrails(connection: Connection) -> None:
    await connection.executemany(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, requests_per_minute,"
        " model_whitelist, key_limit, seat_limit) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        [
            (
                content.ORGANIZATION,
                guardrail.scope.kind,
                guardrail.scope.scope_id,
                guardrail.budget_nano_credits,
                guardrail.cycle,
                guardrail.requests_per_minute,
                guardrail.model_whitelist,
                guardrail.key_limit,
                guardrail.seat_limit,
            )
            for guardrail in content.GUARDRAILS
        ],
    )


async def _access_tokens(
    connection: Connection, secrets: DemoSecrets, pepper: bytes, now: dt.datetime, life: dt.timedelta
) -> None:
    await connection.executemany(
        _SEED_ROW,
        [
            (
                token.token_id,
                _user_id(token.member_id),
                f"Demo ({token.role})",
                hash_secret(secrets.access_tokens[token.token_id], pepper),
                ACCESS_TOKEN.obfuscated(secrets.access_tokens[token.token_id]),
                token.organization,
                now + life,
                token.may_operate,
                now + min(NEAR_THE_END, life / 2),
            )
            for token in content.TOKENS
        ],
    )


async def _credit_line(connection: Connection) -> None:
    """Sets the credit line, unless an operator did. A home from before operators has a line that is used up."""
    await connection.execute(
        "UPDATE credit_lines SET line_nano_credits = used_nano_credits + $2, user_id = $3, update_time = now()"
        " WHERE organization_id = $1 AND user_id IS NULL",
        content.ORGANIZATION,
        content.CREDIT_LINE_NANO_CREDITS,
        _user_id(content.ADMIN),
    )


async def _credit(connection: Connection) -> None:
    """Posts the first top-up. Its idempotency key prevents a second one."""
    transfer = top_up(
        content.TOP_UP_NANO_CREDITS,
        idempotency_key="demo:first-top-up",
        actor=f"users/{_user_id(content.ADMIN)}",
        reason="Demo credit",
    )
    await post_transfers(connection, content.ORGANIZATION, [transfer])
