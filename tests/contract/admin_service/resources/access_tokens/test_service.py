"""Access tokens over the API: shown once, restricted, ended, and never more powerful than their creator."""

import asyncio
import datetime as dt
import json
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import access_token_pb2 as pb
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken
from megarouter.type.v1 import permission_pb2 as permissions

from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.contract.admin_service.conftest import PEPPER, Client

DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
KEYS_READ, TOKENS_READ, TOKENS_WRITE = (
    permissions.PERMISSION_API_KEYS_READ,
    permissions.PERMISSION_ACCESS_TOKENS_READ,
    permissions.PERMISSION_ACCESS_TOKENS_WRITE,
)
KEYS_DISABLE = permissions.PERMISSION_API_KEYS_DISABLE
GET_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/acme/apiKeys/key-super")
DISABLE_KEY = api_key_pb2.DisableApiKeyRequest(name=GET_KEY.name)
OTHER_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/other/apiKeys/key-super2")


def create(request_id: str = "", parent: str = "users/me", **fields: Any) -> pb.CreateAccessTokenRequest:
    body = AccessToken(**{"display_name": "Laptop", **fields})
    return pb.CreateAccessTokenRequest(parent=parent, access_token=body, request_id=request_id)


def within(days: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
    return stamp


def using(secret: str) -> dict[str, Any]:
    return {"metadata": [("authorization", f"Bearer {secret}")]}


async def made(client: Client, member: str = "super", **fields: Any) -> pb.CreateAccessTokenResponse:
    answer: pb.CreateAccessTokenResponse = await client.call("CreateAccessToken", create(**fields), member)
    return answer


async def listed(client: Client, **options: Any) -> set[str]:
    answer = await client.call("ListAccessTokens", pb.ListAccessTokensRequest(parent="users/me"), **options)
    return {token.name for token in answer.access_tokens}


async def long_lived(owner: asyncpg.Connection, days: int = 500) -> None:
    """Extends the tokens of the fixtures."""
    await owner.execute("UPDATE access_tokens SET expire_time = now() + make_interval(days => $1)", days)


async def test_a_new_token_works_and_only_its_hash_is_stored(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client)
    token = answer.access_token
    assert ACCESS_TOKEN.is_well_formed(answer.secret)
    assert not answer.secret_already_issued
    assert token.name.startswith("users/super/accessTokens/token-")
    assert (token.display_name, token.state) == ("Laptop", AccessToken.STATE_ACTIVE)
    assert token.obfuscated_token == f"{answer.secret[:8]}…{answer.secret[-4:]}"
    await client.call("GetApiKey", GET_KEY, **using(answer.secret))
    assert await client.call("GetAccessToken", pb.GetAccessTokenRequest(name=token.name)) == token
    row = await owner.fetchrow("SELECT * FROM access_tokens WHERE access_token_id LIKE 'token-%'")
    assert row is not None
    assert row["secret_hash"] == hash_secret(answer.secret, bytes.fromhex(PEPPER))
    for table in ("access_tokens", "audit_log", "request_replays"):
        assert answer.secret not in str([dict(one) for one in await owner.fetch(f"SELECT * FROM {table}")])  # noqa: S608


async def test_a_repeated_creation_creates_no_second_token_and_shows_no_secret(
    client: Client, owner: asyncpg.Connection
) -> None:
    request_id = str(uuid.uuid4())
    first, *others = [await made(client, request_id=request_id) for _ in range(3)]
    assert first.secret
    for answer in others:
        assert (answer.secret, answer.secret_already_issued) == ("", True)
        assert answer.access_token == first.access_token
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'super'") == 2
    remembered = await owner.fetchval("SELECT response FROM request_replays")
    assert first.secret.encode() not in remembered


async def test_a_restricted_token_does_not_get_the_answer_to_a_stronger_one(client: Client) -> None:
    """Seen to fail when the key of remembered answers omits the token's restrictions."""
    weak = [(await made(client, permissions=[TOKENS_WRITE, *more])).secret for more in ([], [KEYS_READ])]
    request = create(str(uuid.uuid4()))
    callers = [{}, *map(using, weak)]
    answers = [await client.call("CreateAccessToken", request, **options) for options in callers]
    assert len({answer.access_token.name for answer in answers}) == 3
    assert [list(answer.access_token.permissions) for answer in answers[:2]] == [[], [TOKENS_WRITE]]
    again = [await client.call("CreateAccessToken", request, **options) for options in callers]
    assert [answer.access_token for answer in again] == [answer.access_token for answer in answers]


async def test_concurrent_repeats_of_one_request_create_one_token(client: Client, owner: asyncpg.Connection) -> None:
    request_id = str(uuid.uuid4())
    answers = await asyncio.gather(*(made(client, request_id=request_id) for _ in range(8)))
    assert len([answer for answer in answers if answer.secret]) == 1
    assert len({answer.access_token.name for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'super'") == 2


async def test_a_token_ends_in_ninety_days_by_default(client: Client, owner: asyncpg.Connection) -> None:
    await long_lived(owner)
    ends: list[tuple[dict[str, Any], float]] = [
        ({}, 90),
        ({"expire_time": within(1)}, 1),
        ({"expire_time": within(89.9)}, 89.9),
    ]
    for fields, days in ends:
        token = (await made(client, "l1", **fields)).access_token
        assert abs(token.expire_time.seconds - within(days).seconds) < 60


@pytest.mark.parametrize("end", [within(-1), within(90.1), Timestamp(), Timestamp(seconds=10**12), Timestamp(nanos=-1)])
async def test_an_out_of_range_end_creates_nothing(client: Client, owner: asyncpg.Connection, end: Timestamp) -> None:
    await long_lived(owner)
    failure = await client.failure("CreateAccessToken", create(expire_time=end), "l1")
    assert (failure.code, failure.fields) == (INVALID, ("access_token.expire_time",))
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'l1'") == 1


async def test_a_token_does_not_outlive_the_token_that_created_it(client: Client, owner: asyncpg.Connection) -> None:
    await long_lived(owner, 10)
    own_end = await owner.fetchval("SELECT expire_time FROM access_tokens WHERE user_id = 'l1'")
    token = (await made(client, "l1")).access_token
    assert token.expire_time.ToDatetime(dt.UTC) == own_end
    failure = await client.failure("CreateAccessToken", create(expire_time=within(11)), "l1")
    assert failure.fields == ("access_token.expire_time",)


async def test_a_token_with_some_permissions_can_do_nothing_else(client: Client) -> None:
    answer = await made(client, permissions=[KEYS_READ])
    assert list(answer.access_token.permissions) == [KEYS_READ]
    await client.call("GetApiKey", GET_KEY, **using(answer.secret))
    for method, request in (
        ("DisableApiKey", DISABLE_KEY),
        ("CreateAccessToken", create()),
        ("ListAccessTokens", pb.ListAccessTokensRequest(parent="users/me")),
    ):
        assert (await client.failure(method, request, **using(answer.secret))).code is DENIED


async def test_a_token_for_one_organization_works_only_there_and_on_no_tokens(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'super2', 'super', 'MEMBER')"
    )
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ('other', 'key-super2', 'super2', 'k', sha256('k'), 'mr-…')"
    )
    answer = await made(client, organization="organizations/acme")
    assert answer.access_token.organization == "organizations/acme"
    await client.call("GetApiKey", GET_KEY, **using(answer.secret))
    await client.call("GetApiKey", OTHER_KEY)
    assert (await client.failure("GetApiKey", OTHER_KEY, **using(answer.secret))).code is DENIED
    for method, request in (
        ("CreateAccessToken", create()),
        ("ListAccessTokens", pb.ListAccessTokensRequest(parent="users/me")),
        ("GetAccessToken", pb.GetAccessTokenRequest(name=answer.access_token.name)),
        ("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=answer.access_token.name)),
    ):
        assert (await client.failure(method, request, **using(answer.secret))).code is DENIED


@pytest.mark.parametrize(
    "organization", ["organizations/other", "organizations/nowhere", "organizations/acme/x/y", "z"]
)
async def test_a_token_is_restricted_to_an_organization_of_its_user(
    client: Client, owner: asyncpg.Connection, organization: str
) -> None:
    failure = await client.failure("CreateAccessToken", create(organization=organization))
    expected = f"Permission access_tokens:write denied on resource '{organization}' (or it might not exist)."
    assert (failure.code, failure.message) == (DENIED, expected)
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'super'") == 1


async def test_a_restricted_token_creates_no_stronger_one(client: Client) -> None:
    weak = await made(client, permissions=[TOKENS_WRITE, TOKENS_READ, KEYS_READ])
    failure = await client.failure(
        "CreateAccessToken", create(permissions=[KEYS_READ, KEYS_DISABLE]), **using(weak.secret)
    )
    assert (failure.code, failure.metadata["permission"]) == (DENIED, "api_keys:disable")
    child = await client.call("CreateAccessToken", create(), **using(weak.secret))
    assert set(child.access_token.permissions) == {TOKENS_WRITE, TOKENS_READ, KEYS_READ}
    weaker = await client.call("CreateAccessToken", create(permissions=[KEYS_READ]), **using(child.secret))
    assert list(weaker.access_token.permissions) == [KEYS_READ]
    await client.call("GetApiKey", GET_KEY, **using(weaker.secret))
    assert (await client.failure("DisableApiKey", DISABLE_KEY, **using(weaker.secret))).code is DENIED


async def test_a_restricted_token_neither_sees_nor_revokes_a_stronger_one(
    client: Client, owner: asyncpg.Connection
) -> None:
    strong = (await made(client)).access_token
    other = (await made(client, permissions=[KEYS_DISABLE])).access_token
    weak = await made(client, permissions=[TOKENS_WRITE, TOKENS_READ, KEYS_READ])
    below = (await made(client, permissions=[KEYS_READ])).access_token
    assert await listed(client, **using(weak.secret)) == {weak.access_token.name, below.name}
    for name in (strong.name, other.name):
        absent = name[:-4] + "0000"
        for method, request_type in (
            ("GetAccessToken", pb.GetAccessTokenRequest),
            ("RevokeAccessToken", pb.RevokeAccessTokenRequest),
        ):
            hidden = await client.failure(method, request_type(name=name), **using(weak.secret))
            missing = await client.failure(method, request_type(name=absent), **using(weak.secret))
            assert hidden.code is missing.code is DENIED
            assert hidden.message == missing.message.replace(absent, name)
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE revoke_time IS NOT NULL") == 0
    await client.call("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=below.name), **using(weak.secret))


async def test_a_token_loses_the_permissions_that_its_user_loses(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client, organization="organizations/acme", permissions=[KEYS_READ])
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'super'")
    assert (await client.failure("GetApiKey", GET_KEY, **using(answer.secret))).code is DENIED


async def test_the_first_call_after_a_revocation_is_refused(client: Client) -> None:
    answer = await made(client)
    request = pb.RevokeAccessTokenRequest(name=answer.access_token.name)
    revoked = await client.call("RevokeAccessToken", request, **using(answer.secret))
    assert (revoked.state, revoked.HasField("revoke_time")) == (AccessToken.STATE_REVOKED, True)
    failure = await client.failure("GetApiKey", GET_KEY, **using(answer.secret))
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    assert await client.call("RevokeAccessToken", request) == revoked
    mine = request.name.replace("users/super", "users/me")
    assert (await client.call("GetAccessToken", pb.GetAccessTokenRequest(name=mine))).name == request.name


async def test_a_token_creates_nothing_after_its_concurrent_revocation(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Otherwise the thief of a token could still create another one while its owner revokes it."""
    for _ in range(10):
        stolen = await made(client)
        codes = await asyncio.gather(
            client.call("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=stolen.access_token.name)),
            client.call("CreateAccessToken", create(display_name="thief"), **using(stolen.secret)),
            return_exceptions=True,
        )
        if isinstance(codes[1], grpc.aio.AioRpcError):
            assert codes[1].code() is grpc.StatusCode.UNAUTHENTICATED
    late = await owner.fetchval(
        "SELECT count(*) FROM audit_log made JOIN audit_log ended ON ended.resource_name LIKE '%/' || made.access_token_id"
        " WHERE made.sequence > ended.sequence AND made.refusal = '' AND ended.method LIKE '%/RevokeAccessToken'"
    )
    assert late == 0


@pytest.mark.parametrize("who", ["users/l1", "users/unknown", "organizations/acme", "users/me/accessTokens/x"])
async def test_tokens_of_other_users_are_denied(client: Client, who: str) -> None:
    assert (await client.failure("CreateAccessToken", create(parent=who))).code is DENIED
    assert (await client.failure("ListAccessTokens", pb.ListAccessTokensRequest(parent=who))).code is DENIED
    for name in ("users/l1/accessTokens/l1", "users/me/accessTokens/l1", "users/super/accessTokens/l1"):
        assert (await client.failure("GetAccessToken", pb.GetAccessTokenRequest(name=name))).code is DENIED
        assert (await client.failure("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=name))).code is DENIED


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "access_token.display_name"),
        ({"display_name": "x" * 201}, "access_token.display_name"),
        ({"permissions": [KEYS_READ, KEYS_READ]}, "access_token.permissions"),
        ({"permissions": [0]}, "access_token.permissions"),
        ({"permissions": [999]}, "access_token.permissions[0]"),
        ({"request_id": "1"}, "request_id"),
    ],
)
async def test_an_out_of_range_request_creates_nothing(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], field: str
) -> None:
    failure = await client.failure("CreateAccessToken", create(**fields))
    assert (failure.code, failure.fields) == (INVALID, (field,))
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'super'") == 1


async def test_tokens_are_listed_filtered_ordered_and_paged(client: Client, owner: asyncpg.Connection) -> None:
    names = [(await made(client, display_name=f"T{n}")).access_token.name for n in range(3)]
    await client.call("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=names[1]))
    await owner.execute("UPDATE access_tokens SET expire_time = now() WHERE $1 LIKE '%' || access_token_id", names[2])

    async def found(**fields: Any) -> list[str]:
        request = pb.ListAccessTokensRequest(parent="users/me", **fields)
        return [token.display_name for token in (await client.call("ListAccessTokens", request)).access_tokens]

    assert await found(filter="state = REVOKED") == ["T1"]
    assert await found(filter="state = STATE_EXPIRED") == ["T2"]
    assert await found(filter='"t0"') == ["T0"]
    assert await found(order_by="create_time desc", filter="display_name : T") == ["T2", "T1", "T0"]
    token, pages = "", list[list[str]]()
    while not pages or token:
        request = pb.ListAccessTokensRequest(parent="users/me", page_size=2, page_token=token)
        page = await client.call("ListAccessTokens", request)
        pages.append([one.name for one in page.access_tokens])
        token = page.next_page_token
    assert [len(page) for page in pages] == [2, 2]
    assert {name for page in pages for name in page} == await listed(client)


async def test_tokens_are_in_the_log_of_the_personal_account_and_the_organization(
    client: Client, owner: asyncpg.Connection
) -> None:
    answer = await made(client, "l1", organization="organizations/acme")
    for _ in range(2):
        await client.call("RevokeAccessToken", pb.RevokeAccessTokenRequest(name=answer.access_token.name), "l1")
    rows = await owner.fetch("SELECT * FROM audit_log ORDER BY organization_id <> 'acme', sequence")
    personal = await owner.fetchval("SELECT personal_organization_id FROM users WHERE user_id = 'l1'")
    assert [(row["method"].rpartition("/")[2], row["organization_id"], row["member_id"]) for row in rows] == [
        ("CreateAccessToken", "acme", "l1"),
        ("RevokeAccessToken", "acme", "l1"),
        ("CreateAccessToken", personal, None),
        ("RevokeAccessToken", personal, None),
    ]
    assert [(row["user_id"], row["access_token_id"], row["resource_name"]) for row in rows] == [
        ("l1", "l1", answer.access_token.name)
    ] * 4
    assert {tuple(row["group_path"]) for row in rows[:2]} == {("eng",)}
    assert json.loads(rows[1]["before"])["state"] == "STATE_ACTIVE"
    assert json.loads(rows[1]["after"])["state"] == "STATE_REVOKED"
