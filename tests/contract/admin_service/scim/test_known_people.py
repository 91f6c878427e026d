"""People who have a user already: only the directory of an organization that may speak for them makes them members."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import account_pb2, api_key_pb2, member_pb2

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.admin_service.scim.conftest import DirectoryClient, connected
from tests.contract.admin_service.sign_in.conftest import ISSUER, PARTNERS, signed_in

OWN = {"issuer": ISSUER, "email_domains": ["acme.example"], "organizations": ["acme"]}
OTHERS = {"issuer": PARTNERS, "email_domains": ["acme.example", "other.example"], "organizations": ["other"]}
ADA = "ada@acme.example"
ME = account_pb2.GetUserRequest(name="users/me")


@pytest.fixture
async def client(settings: AdminSettings, tmp_path: Path, people: None) -> AsyncIterator[Client]:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps({"identity_providers": [OWN, OTHERS]}), encoding="utf-8")
    async with running_service(settings.model_copy(update={"identity_providers_file": file})) as (_, calling):
        yield calling


async def sign_in(client: Client, subject: str, email: str, issuer: str = ISSUER) -> str:
    """Returns the id of the user."""
    await client.call("GetUser", ME, **signed_in(subject, email, issuer))
    answer = await client.call("GetUser", ME, **signed_in(subject, email, issuer))
    return str(answer.name).partition("/")[2]


async def user_of(owner: asyncpg.Connection, member: str) -> Any:
    return await owner.fetchrow(
        "SELECT u.user_id, u.email, u.display_name, m.role, m.state FROM members m JOIN users u USING (user_id)"
        " WHERE organization_id = 'acme' AND member_id = $1",
        member,
    )


async def test_a_person_who_signed_in_becomes_a_member_of_their_user(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await sign_in(client, "ada", ADA)
    before = (await client.call("GetUser", ME, **signed_in("ada", ADA))).current_account
    member = await directory.user(ADA, displayName="Countess")
    name = await owner.fetchval("SELECT display_name FROM users WHERE user_id = $1", user)
    assert tuple(await user_of(owner, member)) == (user, ADA, name, "MEMBER", "ACTIVE")
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), **signed_in("ada", ADA))
    assert "organizations/acme" in [one.organization for one in accounts.accounts]
    assert (await client.call("GetUser", ME, **signed_in("ada", ADA))).current_account == before
    last = "SELECT credential_id FROM audit_log WHERE organization_id = 'acme' ORDER BY sequence DESC LIMIT 1"
    assert await owner.fetchval(last) == directory.name.rpartition("/")[2]


async def test_a_user_who_never_signed_in_becomes_a_member(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO users VALUES ('entered', $1, 'Entered')", ADA)
    member = await directory.user(ADA)
    assert (await user_of(owner, member))["user_id"] == "entered"


async def test_a_person_of_another_issuer_stays_who_they_are(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    """Seen to fail without the look at the issuers of the user."""
    user = await sign_in(client, "former", ADA, PARTNERS)
    member = await directory.user(ADA)
    found = await user_of(owner, member)
    assert (found["user_id"] != user, found["email"]) == (True, None)
    listing = api_key_pb2.ListApiKeysRequest(parent="organizations/acme")
    with pytest.raises(grpc.aio.AioRpcError):
        await client.call("ListApiKeys", listing, **signed_in("former", ADA, PARTNERS))


async def test_an_organization_speaks_only_for_the_domains_of_its_issuer(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    """Seen to fail when any organization could make a user its member."""
    user = await sign_in(client, "ada", ADA)
    foreign = await sign_in(client, "bob", "bob@other.example", PARTNERS)
    other = await connected(client, "stranger", "other")
    for pushing, address, person in ((other, ADA, user), (directory, "bob@other.example", foreign)):
        member = await pushing.user(address)
        assert await owner.fetchval("SELECT user_id FROM members WHERE member_id = $1", member) != person


async def test_a_single_issuer_without_domains_lets_no_directory_speak(
    settings: AdminSettings, tmp_path: Path, people: None, owner: asyncpg.Connection
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        json.dumps({"identity_providers": [{"issuer": ISSUER, "organizations": ["acme"]}]}), encoding="utf-8"
    )
    async with running_service(settings.model_copy(update={"identity_providers_file": file})) as (_, client):
        user = await sign_in(client, "ada", ADA)
        member = await (await connected(client)).user(ADA)
    assert (await user_of(owner, member))["user_id"] != user


async def test_whom_an_admin_removed_stays_removed(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE users SET email = $1 WHERE user_id = 'member'", ADA)
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name="organizations/acme/members/member"))
    assert (await directory("POST", "Users", {"userName": ADA})).status == 409
    assert (await user_of(owner, "member"))["state"] == "REMOVED"


async def test_a_person_whom_the_directory_removed_comes_back_only_with_the_same_id(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await sign_in(client, "ada", ADA)
    member = await directory.user(ADA, externalId="00u1")
    assert (await directory("DELETE", f"Users/{member}")).status == 204
    recycled = await directory.user(ADA, externalId="00u2")
    assert (await user_of(owner, recycled))["user_id"] != user


async def test_without_a_free_seat_a_known_person_is_not_added(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await sign_in(client, "ada", ADA)
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', 1)"
    )
    assert (await directory("POST", "Users", {"userName": ADA})).status == 403
    assert (
        await owner.fetchval("SELECT count(*) FROM members WHERE user_id = $1 AND organization_id = 'acme'", user) == 0
    )


async def test_a_push_and_a_first_sign_in_at_once_make_one_user(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    """Seen to fail when a push that lost the race for the address looked for its user only once."""
    for number in range(10):
        address = f"ada{number}@acme.example"
        member, user = await asyncio.gather(directory.user(address), sign_in(client, f"ada{number}", address))
        assert (await user_of(owner, member))["user_id"] == user
        assert await owner.fetchval("SELECT count(*) FROM users WHERE email = $1", address) == 1


async def test_a_user_known_by_another_name_in_the_directory_is_not_added_twice(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await sign_in(client, "ada", ADA)
    first = await directory.user(ADA)
    second = await directory.user("second", emails=[{"value": ADA}])
    assert (await user_of(owner, first))["user_id"] == user
    assert (await user_of(owner, second))["user_id"] != user
