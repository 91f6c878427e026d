"""The admin API gives the same answers and errors through gRPC, gRPC-Web and REST."""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator

import aiohttp
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from megarouter.admin.v1 import api_key_pb2, credit_pb2
from megarouter.type.v1 import time_range_pb2

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.support.clients.admin_transports import CallError, Grpc, GrpcWeb, Rest, Transport
from tests.support.data.tenants import CREDIT, Tenant

KEYS = api_key_pb2.DESCRIPTOR.services_by_name["ApiKeys"].methods_by_name
CREDITS = credit_pb2.DESCRIPTOR.services_by_name["Credits"].methods_by_name


@pytest.fixture(params=["gRPC", "gRPC-Web", "REST"])
async def transport(
    request: pytest.FixtureRequest, stack: Stack, session: aiohttp.ClientSession
) -> AsyncIterator[Transport]:
    url, address = stack.environment["MEGAROUTER_ADMIN_URL"], stack.environment["MEGAROUTER_ADMIN_ADDRESS"]
    if request.param == "gRPC":
        async with grpc.aio.insecure_channel(address) as channel:
            yield Grpc(channel)
    else:
        yield GrpcWeb(url, session) if request.param == "gRPC-Web" else Rest(url, session)


@pytest.fixture
async def token(tenant: Tenant) -> str:
    """An access token of a Super Admin of the tenant."""
    token, user = ACCESS_TOKEN.make(os.urandom(32)), f"boss-{tenant.organization}"
    await tenant.database.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', 'Boss')", user)
    await tenant.database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ($1, 'boss', $2, 'SUPER_ADMIN')",
        tenant.organization, user,
    )  # fmt: skip
    await tenant.database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, $3)",
        user, hash_secret(token, tenant.pepper), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip
    return token


def parent(tenant: Tenant) -> str:
    return f"organizations/{tenant.organization}"


async def test_keys_are_listed_page_by_page(transport: Transport, tenant: Tenant, token: str) -> None:
    await tenant.add_key("key-2")
    request = api_key_pb2.ListApiKeysRequest(parent=parent(tenant), page_size=1)
    names = []
    while True:
        page = await transport.call(KEYS["ListApiKeys"], request, token)
        names += [key.name.rpartition("/")[2] for key in page.api_keys]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names == ["key-1", "key-2"]


async def test_a_key_is_read_disabled_and_enabled(transport: Transport, tenant: Tenant, token: str) -> None:
    name = f"{parent(tenant)}/apiKeys/key-1"
    before = await transport.call(KEYS["GetApiKey"], api_key_pb2.GetApiKeyRequest(name=name), token)
    assert before.state == api_key_pb2.ApiKey.STATE_ACTIVE
    request = api_key_pb2.DisableApiKeyRequest(name=name, etag=before.etag)
    disabled = await transport.call(KEYS["DisableApiKey"], request, token)
    assert disabled.state == api_key_pb2.ApiKey.STATE_DISABLED
    enabled = await transport.call(KEYS["EnableApiKey"], api_key_pb2.EnableApiKeyRequest(name=name), token)
    assert enabled.state == api_key_pb2.ApiKey.STATE_ACTIVE
    assert enabled.obfuscated_key == before.obfuscated_key


async def test_amounts_beyond_a_double_arrive_exactly(transport: Transport, tenant: Tenant, token: str) -> None:
    amount = 9_007_199_254_740_993  # 2^53 + 1
    request = credit_pb2.TopUpCreditRequest(
        parent=parent(tenant), amount_nano_credits=amount, request_id=str(uuid.uuid4()), reason="Überweisung №1"
    )
    answer = await transport.call(CREDITS["TopUpCredit"], request, token)
    assert answer.top_up.amount_nano_credits == amount
    assert answer.top_up.reason == "Überweisung №1"
    balance = await transport.call(
        CREDITS["GetCreditBalance"], credit_pb2.GetCreditBalanceRequest(name=f"{parent(tenant)}/creditBalance"), token
    )
    assert balance.balance_nano_credits == 10_000 * CREDIT + amount


async def test_credit_is_adjusted_and_refunded_and_every_transaction_listed(
    transport: Transport, tenant: Tenant, token: str
) -> None:
    adjust = credit_pb2.AdjustCreditRequest(
        parent=parent(tenant),
        amount_nano_credits=-3 * CREDIT,
        request_id=str(uuid.uuid4()),
        reason="goodwill taken back",
    )
    refund = credit_pb2.RefundCreditRequest(
        parent=parent(tenant), amount_nano_credits=CREDIT, request_id=str(uuid.uuid4()), reason="cancelled"
    )
    await transport.call(CREDITS["AdjustCredit"], adjust, token)
    await transport.call(CREDITS["RefundCredit"], refund, token)
    request = credit_pb2.ListCreditTransactionsRequest(parent=parent(tenant))
    listed = await transport.call(CREDITS["ListCreditTransactions"], request, token)
    kinds = [credit_pb2.CreditTransaction.Kind.Name(item.kind) for item in listed.credit_transactions]
    assert kinds == ["KIND_TOP_UP", "KIND_ADJUSTMENT", "KIND_REFUND"]


async def test_a_statement_covers_the_period_between_its_ends(transport: Transport, tenant: Tenant, token: str) -> None:
    start, end = Timestamp(), Timestamp()
    start.FromJsonString("2026-01-01T00:00:00Z")
    end.GetCurrentTime()
    request = credit_pb2.GetCreditStatementRequest(
        name=f"{parent(tenant)}/creditStatement", time_range=time_range_pb2.TimeRange(start_time=start, end_time=end)
    )
    statement = await transport.call(CREDITS["GetCreditStatement"], request, token)
    assert statement.time_range.start_time == start
    assert statement.closing_balance_nano_credits == 10_000 * CREDIT


async def test_an_invalid_field_is_named(transport: Transport, tenant: Tenant, token: str) -> None:
    request = credit_pb2.TopUpCreditRequest(parent=parent(tenant), amount_nano_credits=-5, request_id="no uuid")
    with pytest.raises(CallError) as failed:
        await transport.call(CREDITS["TopUpCredit"], request, token)
    assert failed.value.code is grpc.StatusCode.INVALID_ARGUMENT
    information = failed.value.detail(error_details_pb2.ErrorInfo)
    assert (information.reason, information.domain) == ("FIELD_INVALID", "megarouter")
    violations = failed.value.detail(error_details_pb2.BadRequest).field_violations
    assert {violation.field for violation in violations} == {"amount_nano_credits", "request_id"}


async def test_an_outdated_etag_is_reported(transport: Transport, tenant: Tenant, token: str) -> None:
    request = api_key_pb2.DisableApiKeyRequest(name=f"{parent(tenant)}/apiKeys/key-1", etag='"0123456789abcdef"')
    with pytest.raises(CallError) as failed:
        await transport.call(KEYS["DisableApiKey"], request, token)
    assert failed.value.code is grpc.StatusCode.ABORTED
    assert failed.value.detail(error_details_pb2.ErrorInfo).reason == "ETAG_MISMATCH"


async def test_a_foreign_organization_and_one_that_does_not_exist_look_the_same(
    transport: Transport, token: str
) -> None:
    for organization in ("acme", "unknown"):
        with pytest.raises(CallError) as failed:
            await transport.call(
                KEYS["ListApiKeys"], api_key_pb2.ListApiKeysRequest(parent=f"organizations/{organization}"), token
            )
        assert failed.value.code is grpc.StatusCode.PERMISSION_DENIED
        information = failed.value.detail(error_details_pb2.ErrorInfo)
        assert information.metadata["resource"] == f"organizations/{organization}"


@pytest.mark.parametrize("token", [None, "", "mrt-nothing", "mr-" + "a" * 43 + "-000000", "a.b.c", "Bearer"])
async def test_a_call_without_a_usable_token_is_refused(
    transport: Transport, tenant: Tenant, token: str | None
) -> None:
    with pytest.raises(CallError) as failed:
        await transport.call(KEYS["ListApiKeys"], api_key_pb2.ListApiKeysRequest(parent=parent(tenant)), token)
    assert failed.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert failed.value.detail(error_details_pb2.ErrorInfo).reason == "ACCESS_TOKEN_INVALID"
