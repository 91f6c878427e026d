"""The operator registers ids that no answer handed out."""

import os
import subprocess
import sys

import asyncpg
import pytest

from authz_service.stored_objects.store import Owner, StoredObjectStore
from authz_service.wiring import ROLE as AUTHZ
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName
from gateway_core.stores.postgres.organization_wall import act_for
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from tests.support.repository import ROOT

PROMPT = ["--organization", "acme", "--provider", "acme", "--kind", "prompt", "pmpt_1"]
NAME = ObjectName(ObjectKind.PROMPT, "pmpt_1")


def run(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "usage_service.stored_objects", *arguments]
    environment = {**os.environ, "MEGAROUTER_DATABASE_URL": database_url}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


async def may_name(database_url: str, organization: str, member: str) -> bool:
    async with asyncpg.create_pool(login_url(database_url, AUTHZ), min_size=1, max_size=1) as pool:
        return bool(await StoredObjectStore(pool).objects_of(Owner(organization, member), "acme", [NAME]))


async def test_a_registered_id_passes_for_every_member_until_it_is_removed(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await prepare(owner, "acme", "other")
    assert run(database_url, "register", *PROMPT).returncode == 0
    assert await may_name(database_url, "acme", "mia")
    assert not await may_name(database_url, "other", "mia")
    assert run(database_url, "list", "--organization", "acme").stdout == "acme prompt pmpt_1: every member\n"
    assert run(database_url, "remove", *PROMPT).returncode == 0
    assert not await may_name(database_url, "acme", "mia")
    again = run(database_url, "remove", *PROMPT)
    assert (again.returncode, again.stderr) == (1, "stored_objects: this id is not registered for them\n")


async def test_a_registration_may_end(owner: asyncpg.Connection, database_url: str) -> None:
    await prepare(owner)
    assert run(database_url, "register", "--days", "7", *PROMPT).returncode == 0
    assert await owner.fetchval("SELECT expire_time - now() < interval '8 days' FROM stored_objects")
    assert ", until 20" in run(database_url, "list", "--organization", "acme").stdout


NO_ID = "an id has 1 to 256 printable ASCII characters without spaces"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--organization", "unknown", "--provider", "acme", "--kind", "file", "f"], "there is no organization 'unknown'"),
        (["--organization", "acme", "--provider", "unknown", "--kind", "file", "f"], "there is no provider 'unknown'"),
        (["--member", "unknown", *PROMPT], "there is no member 'unknown'"),
        (["--organization", "acme", "--provider", "acme", "--kind", "file", "ü"], NO_ID),
        (["--organization", "acme", "--provider", "acme", "--kind", "file", "a b"], NO_ID),
    ],
)  # fmt: skip
async def test_an_impossible_registration_changes_nothing(
    owner: asyncpg.Connection, database_url: str, arguments: list[str], reason: str
) -> None:
    await prepare(owner)
    refused = run(database_url, "register", *arguments)
    assert (refused.returncode, refused.stderr) == (1, f"stored_objects: {reason}\n")
    assert await owner.fetchval("SELECT count(*) FROM stored_objects") == 0


async def test_no_service_can_register(owner: asyncpg.Connection, database_url: str) -> None:
    await prepare(owner)
    for role in ("megarouter_admin", ROLE, AUTHZ):
        assert run(login_url(database_url, role), "register", *PROMPT).returncode != 0
        connection = await asyncpg.connect(login_url(database_url, role))
        try:
            async with connection.transaction():
                await act_for(connection, ["acme"])
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                    await connection.execute(
                        "INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id, is_registered)"
                        " VALUES ('acme', 'prompt', 'pmpt_1', 'acme', '', true)"
                    )
        finally:
            await connection.close()
    assert await owner.fetchval("SELECT count(*) FROM stored_objects") == 0
