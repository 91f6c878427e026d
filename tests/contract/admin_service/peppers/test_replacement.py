"""The pepper is replaced while users and programs call the admin API, and the operator sees which secrets are left."""

import asyncio
import os
import sys
from typing import Any

import asyncpg
import grpc
from megarouter.admin.v1 import group_pb2
from pydantic import SecretStr

from gateway_core.model.organization.bearer_secrets import CREDENTIAL, hash_secret, pepper_name
from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import PEPPER, Client, running_service, token_of

NEW_PEPPER = "71" * 32
OLD, NEW = bytes.fromhex(PEPPER), bytes.fromhex(NEW_PEPPER)
_CREDENTIAL = CREDENTIAL.make(b"c" * 32)
_HASH = "SELECT secret_hash FROM access_tokens WHERE access_token_id = $1"


def with_peppers(settings: AdminSettings, current: str, **others: str) -> AdminSettings:
    changes: dict[str, Any] = {name: SecretStr(value) for name, value in others.items()}
    return settings.model_copy(update={"key_pepper": SecretStr(current), **changes})


async def listed(client: Client, member: str) -> grpc.StatusCode:
    return await client.code("ListGroups", group_pb2.ListGroupsRequest(parent="organizations/acme"), member)


async def test_an_access_token_with_the_previous_pepper_is_hashed_again_when_it_is_used(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    async with running_service(with_peppers(settings, NEW_PEPPER, previous_key_pepper=PEPPER)) as (_, client):
        assert await listed(client, "super") is grpc.StatusCode.OK
    assert await owner.fetchval(_HASH, "super") == hash_secret(token_of("super"), NEW)
    assert await owner.fetchval(_HASH, "sub") == hash_secret(token_of("sub"), OLD)
    async with running_service(with_peppers(settings, NEW_PEPPER)) as (_, client):
        assert await listed(client, "super") is grpc.StatusCode.OK
        assert await listed(client, "sub") is grpc.StatusCode.UNAUTHENTICATED


async def test_an_access_token_with_the_next_pepper_is_accepted_and_left(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    new = hash_secret(token_of("super"), NEW)
    await owner.execute("UPDATE access_tokens SET secret_hash = $1 WHERE access_token_id = 'super'", new)
    async with running_service(with_peppers(settings, PEPPER, next_key_pepper=NEW_PEPPER)) as (_, client):
        assert await listed(client, "super") is grpc.StatusCode.OK
    assert await owner.fetchval(_HASH, "super") == new


async def test_calls_at_the_same_time_replace_a_hash_once(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    async with running_service(with_peppers(settings, NEW_PEPPER, previous_key_pepper=PEPPER)) as (_, client):
        answers = await asyncio.gather(*(listed(client, "super") for _ in range(20)))
    assert set(answers) == {grpc.StatusCode.OK}
    assert await owner.fetchval(_HASH, "super") == hash_secret(token_of("super"), NEW)


async def test_a_credential_with_the_previous_pepper_is_hashed_again_when_it_is_used(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    await owner.execute(
        "INSERT INTO credentials (organization_id, credential_id, user_id, kind, display_name, permissions, secret_hash,"
        " obfuscated_secret, creator_user_id, expire_time) "
        " VALUES ('acme', 'cred', 'super', 'AUTOMATION', 'x', '{groups:read}', $1, 'x', 'super', now() + interval '1 day')",
        hash_secret(_CREDENTIAL, OLD),
    )
    async with running_service(with_peppers(settings, NEW_PEPPER, previous_key_pepper=PEPPER)) as (_, client):
        metadata = [("authorization", f"Bearer {_CREDENTIAL}")]
        for _ in range(2):
            await client.call("ListGroups", group_pb2.ListGroupsRequest(parent="organizations/acme"), metadata=metadata)
    row = await owner.fetchrow("SELECT secret_hash, pepper FROM credentials")
    assert row is not None
    assert (row["secret_hash"], row["pepper"]) == (hash_secret(_CREDENTIAL, NEW), pepper_name(NEW))


async def test_the_operator_sees_which_secrets_need_another_pepper(
    database_url: str, owner: asyncpg.Connection, people: None
) -> None:
    await owner.execute("UPDATE access_tokens SET revoke_time = now() WHERE access_token_id <> 'super'")
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id <> 'key-super'")
    status, output = await peppers(database_url, "--list")
    assert status == 1
    lines = output.splitlines()
    assert lines[:3] == ["API key: 1", "access token: 1", "2 left with another pepper"]
    assert lines[3] == "API key acme key-super"
    assert lines[4].startswith("access token - super, until ")
    await owner.execute(f"SET megarouter.pepper = '{pepper_name(NEW)}'")
    await owner.execute("UPDATE access_tokens SET secret_hash = sha256('1') WHERE access_token_id = 'super'")
    await owner.execute("UPDATE api_keys SET secret_hash = sha256('2') WHERE api_key_id = 'key-super'")
    assert await peppers(database_url) == (0, "0 left with another pepper\n")


async def peppers(database_url: str, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "admin_service.peppers", *arguments,
        env={**os.environ, "MEGAROUTER_DATABASE_URL": database_url, "MEGAROUTER_KEY_PEPPER": NEW_PEPPER},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, output.decode()
