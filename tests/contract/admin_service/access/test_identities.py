"""An identity is linked once, to one user, even if many concurrent calls bring it first."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from admin_service.access.directory import Grant
from admin_service.access.identity_tokens import EdgeProof, IdentityTokens
from admin_service.access.operators import parse_operators
from admin_service.wiring import ROLE
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.connections import open_pool

SECRET = "5e" * 32
ISSUER = "https://id.example"
OPERATORS = parse_operators(f"{ISSUER}#claim:groups=operators {ISSUER}#email=olivia@acme.example")


@pytest.fixture
async def tokens(settings: AdminSettings) -> AsyncIterator[IdentityTokens]:
    numbers = itertools.count(1)
    async with open_pool(settings.model_copy(update={"database_pool_size": 10}), ROLE) as pool:
        yield IdentityTokens(pool, EdgeProof(SECRET), lambda: f"user-{next(numbers)}", OPERATORS)


async def user_of(tokens: IdentityTokens, subject: str, **claims: object) -> str | None:
    grant = await grant_of(tokens, subject, **claims)
    return grant.user if grant else None


async def grant_of(tokens: IdentityTokens, subject: str, **claims: object) -> Grant | None:
    """Passes a verified token to the service as Envoy does."""
    content = json.dumps({"iss": ISSUER, "sub": subject, **claims}).encode()
    payload = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    metadata = [("x-megarouter-edge-secret", SECRET), ("x-megarouter-identity", payload)]
    return await tokens.grant_of_identity_token(f"header.{payload}.signature", metadata)


@pytest.mark.parametrize(
    ("claims", "is_operator"),
    [
        ({"groups": ["staff", "operators"]}, True),
        ({"groups": ["staff"]}, False),
        ({"email": "olivia@acme.example", "email_verified": True}, True),
        ({"email": "olivia@acme.example", "email_verified": False}, False),
        ({"iss": "https://other.example", "groups": ["operators"]}, False),
        ({"iss": "https://other.example", "email": "olivia@acme.example", "email_verified": True}, False),
    ],
)
async def test_a_sign_in_makes_an_operator_only_as_its_issuer_says(
    tokens: IdentityTokens, *, claims: dict[str, object], is_operator: bool
) -> None:
    grant = await grant_of(tokens, "person", **claims)
    assert grant is not None
    assert grant.is_operator is is_operator


async def test_fifty_concurrent_first_calls_create_one_user(tokens: IdentityTokens, owner: asyncpg.Connection) -> None:
    users = await asyncio.gather(*(user_of(tokens, "person", name="Ann") for _ in range(50)))
    assert len(set(users)) == 1
    assert await owner.fetchval("SELECT count(*) FROM users") == 1


async def test_two_subjects_with_one_verified_address_are_one_user(
    tokens: IdentityTokens, owner: asyncpg.Connection
) -> None:
    claims = {"email": "ann@acme.example", "email_verified": True}
    users = await asyncio.gather(*(user_of(tokens, f"person-{number}", **claims) for number in range(20)))
    assert len(set(users)) == 1
    assert await owner.fetchval("SELECT count(*) FROM user_identities") == 20


async def test_the_same_subject_of_another_issuer_is_another_user(tokens: IdentityTokens) -> None:
    assert await user_of(tokens, "person") != await user_of(tokens, "person", iss="https://elsewhere.example")


async def test_an_unverified_address_stays_free_for_its_owner(
    tokens: IdentityTokens, owner: asyncpg.Connection
) -> None:
    squatter = await user_of(tokens, "squatter", email="ann@acme.example")
    ann = await user_of(tokens, "ann", email="ann@acme.example", email_verified=True)
    assert squatter != ann
    assert await owner.fetchval("SELECT email FROM users WHERE user_id = $1", ann) == "ann@acme.example"


async def test_the_service_never_changes_a_link(tokens: IdentityTokens, settings: AdminSettings) -> None:
    await user_of(tokens, "person")
    async with open_pool(settings, ROLE) as pool:
        for statement in ("UPDATE user_identities SET user_id = 'x'", "DELETE FROM user_identities"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)
