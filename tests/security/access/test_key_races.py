"""Races for keys and limits: exactly one wins, and a secret that ends serves no later call."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import (
    api_key_pb2,
    credential_pb2,
    guardrail_pb2,
    member_pb2,
)

from admin_service.access.permission_matrix import admin_services
from tests.e2e.conftest import Post, Reply, Witness, chat
from tests.support.attacks import secrets_shown
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.companies import Company
from tests.support.attacks.racing import CALLS, RACERS, name_of, outcomes, won
from tests.support.clients.admin_transports import Rest
from tests.support.data.tenants import Tenant

METHODS: Final = {method.name: method for service in admin_services() for method in service.methods}
REVOKED_WITHIN_S: Final = 1.0
"""A call that starts this long after a change is refused."""


async def test_updates_with_one_etag_have_one_winner(rest: Rest, disposable: Company) -> None:
    name = f"{disposable.name}/apiKeys/key-member"
    token = disposable.tokens["super"]
    key = await rest.call(METHODS["GetApiKey"], api_key_pb2.GetApiKeyRequest(name=name), token)
    found = await outcomes(
        [
            rest.call(
                METHODS["UpdateApiKey"],
                api_key_pb2.UpdateApiKeyRequest(
                    api_key=api_key_pb2.ApiKey(name=name, display_name=f"name {number}", etag=key.etag),
                    update_mask=FieldMask(paths=["display_name"]),
                ),
                token,
            )
            for number in range(RACERS)
        ]
    )
    assert len(won(found)) == 1


async def test_limits_raised_and_lowered_with_one_etag_have_one_winner(rest: Rest, disposable: Company) -> None:
    name, token = f"{disposable.name}/guardrails/member-member", disposable.tokens["super"]
    rail = await rest.call(METHODS["GetGuardrail"], guardrail_pb2.GetGuardrailRequest(name=name), token)
    found = await outcomes(
        [
            rest.call(
                METHODS["UpdateGuardrail"],
                guardrail_pb2.UpdateGuardrailRequest(
                    guardrail=guardrail_pb2.Guardrail(name=name, budget_nano_credits=number, etag=rail.etag),
                    update_mask=FieldMask(paths=["budget_nano_credits"]),
                ),
                token,
            )
            for number in range(1, RACERS)
        ]
    )
    assert len(won(found)) == 1


async def test_keys_made_at_once_are_not_more_than_the_limit(
    rest: Rest, database: asyncpg.Pool, disposable: Company
) -> None:
    await database.execute(
        "UPDATE guardrails SET key_limit = 3 WHERE organization_id = $1 AND scope_kind = 'member' AND scope_id = 'member'",
        disposable.ident,
    )
    request = api_key_pb2.CreateApiKeyRequest(
        parent=disposable.name, api_key=api_key_pb2.ApiKey(display_name="k", member=f"{disposable.name}/members/member")
    )
    found = await outcomes(
        [rest.call(METHODS["CreateApiKey"], request, disposable.tokens["member"]) for _ in range(RACERS)]
    )
    secrets_shown.remember(*(one.secret for one in won(found)))
    assert len(won(found)) == 2


async def test_one_key_creation_sent_many_times_makes_one_key(rest: Rest, disposable: Company) -> None:
    request = api_key_pb2.CreateApiKeyRequest(
        parent=disposable.name,
        api_key=api_key_pb2.ApiKey(display_name="k", member=f"{disposable.name}/members/member"),
        request_id=str(uuid.uuid4()),
    )
    found = await outcomes(
        [rest.call(METHODS["CreateApiKey"], request, disposable.tokens["member"]) for _ in range(RACERS)]
    )
    assert len({one.api_key.name for one in won(found)}) == 1
    secrets = [one.secret for one in won(found) if one.secret]
    secrets_shown.remember(*secrets)
    assert len(secrets) == 1


Change = Callable[[Rest, Tenant, str], Awaitable[Any]]


def _of_key(method: str, **fields: Any) -> Change:
    async def change(rest: Rest, tenant: Tenant, boss: str) -> Any:
        request: Any = getattr(api_key_pb2, f"{method}Request")(name=name_of(tenant, "/apiKeys/key-1"), **fields)
        return await rest.call(METHODS[method], request, boss)

    return change


def _of_member(method: str) -> Change:
    async def change(rest: Rest, tenant: Tenant, boss: str) -> Any:
        request: Any = getattr(member_pb2, f"{method}Request")(name=name_of(tenant, "/members/mia"))
        return await rest.call(METHODS[method], request, boss)

    return change


async def _transfer_to_boss(rest: Rest, tenant: Tenant, boss: str) -> Any:
    request = api_key_pb2.TransferApiKeyRequest(
        name=name_of(tenant, "/apiKeys/key-1"), member=name_of(tenant, "/members/boss"), rotate_secret=True
    )
    return await rest.call(METHODS["TransferApiKey"], request, boss)


ENDINGS: Final[dict[str, Change]] = {
    "delete": _of_key("DeleteApiKey"),
    "disable": _of_key("DisableApiKey"),
    "rotate": _of_key("RotateApiKey", overlap_duration=Duration(seconds=0)),
    "transfer with a new secret": _transfer_to_boss,
    "suspend": _of_member("SuspendMember"),
    "remove": _of_member("RemoveMember"),
}


@pytest.mark.parametrize("case", ENDINGS)
async def test_a_key_that_ends_while_it_is_used_serves_no_later_call(
    rest: Rest, post: Post, tenant: Tenant, boss: str, witness: Witness, case: str
) -> None:
    """Calls that were admitted before are charged, and no call is served that begins a second later."""
    accounts = Accounts(tenant, witness)
    await accounts.open()
    calls = [asyncio.ensure_future(post(chat())) for _ in range(CALLS // 2)]
    answer = await ENDINGS[case](rest, tenant, boss)
    if secret := getattr(answer, "secret", ""):
        secrets_shown.remember(secret)
    calls += [asyncio.ensure_future(post(chat())) for _ in range(CALLS // 2)]
    await asyncio.sleep(REVOKED_WITHIN_S)
    late: list[Reply] = await asyncio.gather(*(post(chat()) for _ in range(CALLS // 4)))
    assert {one.status for one in late} <= {401, 403}
    early = await asyncio.gather(*calls)
    assert {one.status for one in early} <= {200, 401, 403}
    await accounts.close(sum(one.status == 200 for one in early))


async def test_rotations_at_once_leave_at_most_two_secrets(rest: Rest, post: Post, tenant: Tenant, boss: str) -> None:
    """The newest secret and, during the overlap, the one before it."""
    request = api_key_pb2.RotateApiKeyRequest(
        name=name_of(tenant, "/apiKeys/key-1"), overlap_duration=Duration(seconds=3_600)
    )
    found = await outcomes([rest.call(METHODS["RotateApiKey"], request, boss) for _ in range(RACERS)])
    secrets = [tenant.key, *(one.secret for one in won(found))]
    secrets_shown.remember(*secrets)
    await asyncio.sleep(REVOKED_WITHIN_S)
    answers = [await post(chat(), key=secret) for secret in secrets]
    assert [answer.status for answer in answers].count(200) <= 2


async def test_credential_rotations_at_once_leave_at_most_two_secrets(
    rest: Rest, session: aiohttp.ClientSession, disposable: Company
) -> None:
    token = disposable.tokens["super"]
    wanted = credential_pb2.Credential(display_name="x", kind=credential_pb2.Credential.KIND_SCIM)
    made = await rest.call(
        METHODS["CreateCredential"],
        credential_pb2.CreateCredentialRequest(parent=disposable.name, credential=wanted),
        token,
    )
    request = credential_pb2.RotateCredentialRequest(
        name=made.credential.name, overlap_duration=Duration(seconds=3_600)
    )
    found = await outcomes([rest.call(METHODS["RotateCredential"], request, token) for _ in range(RACERS)])
    secrets = [made.secret, *(one.secret for one in won(found))]
    secrets_shown.remember(*secrets)
    valid = 0
    for secret in secrets:
        headers = {"authorization": f"Bearer {secret}"}
        async with session.get(f"{rest.url}/scim/v2/Users", headers=headers) as response:
            valid += response.status == 200
    assert 1 <= valid <= 2


async def test_a_deleted_key_is_deleted_once(rest: Rest, database: asyncpg.Pool, tenant: Tenant, boss: str) -> None:
    request = api_key_pb2.DeleteApiKeyRequest(name=name_of(tenant, "/apiKeys/key-1"))
    await outcomes([rest.call(METHODS["DeleteApiKey"], request, boss) for _ in range(RACERS)])
    entries = await database.fetchval(
        "SELECT count(*) FROM audit_log WHERE organization_id = $1 AND method LIKE '%DeleteApiKey' AND refusal = ''",
        tenant.organization,
    )
    assert entries == 1
