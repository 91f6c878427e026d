"""Written analyses over gRPC: who pays, what the model may write, and what a caller sees in it."""

import datetime as dt
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import grpc
import pytest
from aiohttp import web
from megarouter.admin.v1 import analysis_pb2
from megarouter.type.v1.time_range_pb2 import TimeRange

from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import PEPPER, Client, add_key, running_service
from tests.contract.admin_service.resources.analytics.test_service import PLACES, add_catalog_and_robot
from tests.support.usage.histories import UsageHistory

ORGANIZATION: Final = "organizations/acme"
SETTINGS: Final = f"{ORGANIZATION}/analysisSettings"
KEY: Final = f"{ORGANIZATION}/apiKeys/key-robot"
START: Final = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
END: Final = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
ACCEPTED: Final = "The spend was {{spend_total}} in {{call_count}} calls."


@dataclass
class Gateway:
    """Answers chat completions with a text, or something else."""

    text: str = ACCEPTED
    status: int = 200
    body: bytes | None = None
    calls: list[tuple[str, Any]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        self.calls.append((request.headers["authorization"].removeprefix("Bearer "), await request.json()))
        if self.body is not None:
            return web.Response(status=self.status, body=self.body)
        message = {"role": "assistant", "content": self.text}
        return web.json_response({"choices": [{"message": message}]}, status=self.status)


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[Gateway, str]]:
    answering = Gateway()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", answering.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield answering, f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def client(
    settings: AdminSettings, people: None, gateway: tuple[Gateway, str], owner: asyncpg.Connection
) -> AsyncIterator[Client]:
    async with running_service(settings.model_copy(update={"model_url": gateway[1]})) as (_, calling):
        # The service has begun with a catalog of its own.
        await add_catalog_and_robot(owner)
        await add_key(owner, "key-robot", "sa-bot")
        yield calling


def configuring(key: str = KEY, model: str = "models/acme-1") -> analysis_pb2.ConfigureAnalysisRequest:
    return analysis_pb2.ConfigureAnalysisRequest(name=SETTINGS, api_key=key, model=model)


def writing(language: str = "") -> analysis_pb2.WriteAnalysisRequest:
    period = TimeRange()
    period.start_time.FromDatetime(START)
    period.end_time.FromDatetime(END)
    return analysis_pb2.WriteAnalysisRequest(name=ORGANIZATION, time_range=period, language_code=language)


async def written(client: Client, member: str = "super", language: str = "") -> analysis_pb2.WriteAnalysisResponse:
    answer: analysis_pb2.WriteAnalysisResponse = await client.call("WriteAnalysis", writing(language), member)
    return answer


async def test_a_model_writes_and_the_service_puts_the_figures_in(
    client: Client, owner: asyncpg.Connection, gateway: tuple[Gateway, str]
) -> None:
    await UsageHistory(random.Random(4), PLACES, START, END).settle(owner, 60)
    before = await owner.fetchval("SELECT secret_hash FROM api_keys WHERE api_key_id = 'key-robot'")
    setting = await client.call("ConfigureAnalysis", configuring())
    assert (setting.api_key, setting.model) == (KEY, "models/acme-1")
    answer = await written(client)
    ((charge, calls),) = await owner.fetch(
        "SELECT sum(charge_nano_credits), sum(weight) FILTER (WHERE status <> 'VOIDED') FROM usage_facts"
        " WHERE organization_id = 'acme'"
    )
    whole, nano = divmod(int(charge), 10**9)
    decimals = f"{nano:09d}".rstrip("0").ljust(2, "0")
    assert answer.text == f"The spend was {whole:,}.{decimals} credits in {calls} calls."
    assert (answer.written_by_model, answer.plain_reason, answer.language_code) == (True, "", "en")
    ((secret, body),) = gateway[0].calls
    stored = await owner.fetchval("SELECT secret_hash FROM api_keys WHERE api_key_id = 'key-robot'")
    assert API_KEY.is_well_formed(secret)
    assert hash_secret(secret, bytes.fromhex(PEPPER)) == stored != before
    assert body["model"] == "acme-1"
    assert secret not in str(answer)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("The spend was {{spend_total}}, 3 times more.", "a number"), ("Spend rose.", "no placeholder"),
     ("{{spend_total}} {{secret}}", "unknown placeholder"), ("", "empty")],
)  # fmt: skip
async def test_a_text_with_figures_of_its_own_is_replaced(
    client: Client, gateway: tuple[Gateway, str], text: str, reason: str
) -> None:
    await client.call("ConfigureAnalysis", configuring())
    gateway[0].text = text
    answer = await written(client, language="zh")
    assert not answer.written_by_model
    assert answer.plain_reason.endswith(reason)
    assert "2026-03-01 至 2026-03-31 的支出为 0.00 积分" in answer.text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, None),
        (302, b""),
        (200, b"no JSON"),
        (200, b"x" * 300_000),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": 1}}]}'),
    ],
    ids=["refused", "redirected", "no JSON", "too long", "no choice", "no text"],
)
async def test_a_failed_call_leaves_a_plain_text(
    client: Client, gateway: tuple[Gateway, str], status: int, body: bytes | None
) -> None:
    await client.call("ConfigureAnalysis", configuring())
    gateway[0].status, gateway[0].body = status, body
    answer = await written(client)
    assert not answer.written_by_model
    assert answer.plain_reason.startswith("the call of the model failed")
    assert answer.text.startswith("From 2026-03-01 to 2026-03-31, the spend was 0.00 credits")


async def test_a_group_admin_reads_of_their_group_only(
    client: Client, owner: asyncpg.Connection, gateway: tuple[Gateway, str]
) -> None:
    await UsageHistory(random.Random(4), PLACES, START, END).settle(owner, 60)
    await owner.execute("UPDATE users SET display_name = 'Sales 42 {{spend_total}}' WHERE user_id = 'sales'")
    await client.call("ConfigureAnalysis", configuring())
    figures = {}
    for caller in ("super", "sub"):
        answer = await written(client, caller)
        figures[caller] = {figure.placeholder: figure.text for figure in answer.figures}
    assert figures["sub"]["call_count"] != figures["super"]["call_count"]
    assert figures["sub"]["top_consumer"] in {"sub", "member", "below"}
    assert all("Sales" not in text for text in figures["sub"].values())
    assert all("Sales" not in str(body) for _, body in gateway[0].calls)


async def test_without_a_setting_the_error_says_what_to_do(
    client: Client, owner: asyncpg.Connection, gateway: tuple[Gateway, str]
) -> None:
    assert (await client.failure("WriteAnalysis", writing())).reason == "ANALYSIS_NOT_CONFIGURED"
    await client.call("ConfigureAnalysis", configuring())
    await owner.execute("UPDATE api_keys SET secret_hash = sha256('another') WHERE api_key_id = 'key-robot'")
    rotated = await client.failure("WriteAnalysis", writing())
    assert (rotated.code, rotated.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ANALYSIS_NOT_CONFIGURED")
    await client.call("ConfigureAnalysis", configuring())
    assert (await written(client)).written_by_model
    cleared = await client.call("ConfigureAnalysis", configuring("", ""))
    assert (cleared.api_key, cleared.model) == ("", "")
    assert (await client.failure("WriteAnalysis", writing())).reason == "ANALYSIS_NOT_CONFIGURED"
    assert len(gateway[0].calls) == 1


async def test_only_a_key_of_a_service_account_and_a_model_of_the_catalog_are_taken(
    client: Client, owner: asyncpg.Connection
) -> None:
    for request, named in (
        (configuring(f"{ORGANIZATION}/apiKeys/key-member"), "api_key"),
        (configuring(f"{ORGANIZATION}/members/member"), "api_key"),
        (configuring("organizations/other/apiKeys/key-stranger"), "api_key"),
        (configuring(KEY, "models/unknown"), "model"),
        (configuring(KEY, "acme-1"), "model"),
        (configuring(KEY, ""), "model"),
    ):
        assert (await client.failure("ConfigureAnalysis", request)).fields == (named,)
    for caller in ("l1", "sub", "member"):
        assert await client.code("ConfigureAnalysis", configuring(), caller) is grpc.StatusCode.PERMISSION_DENIED
    assert await client.code("WriteAnalysis", writing(), "member") is grpc.StatusCode.PERMISSION_DENIED
    assert (await client.failure("WriteAnalysis", writing("fr"))).fields == ("language_code",)
    assert await owner.fetchval("SELECT count(*) FROM analysis_settings") == 0


async def test_the_setting_is_audited_without_a_secret(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("ConfigureAnalysis", configuring())
    shown = await client.call("GetAnalysisSettings", analysis_pb2.GetAnalysisSettingsRequest(name=SETTINGS))
    assert (shown.api_key, shown.model) == (KEY, "models/acme-1")
    rows = await owner.fetch(
        "SELECT resource_name FROM audit_log WHERE method LIKE '%ConfigureAnalysis' ORDER BY sequence"
    )
    assert {row["resource_name"] for row in rows} == {KEY, SETTINGS}


async def test_a_deployment_without_an_address_says_so(settings: AdminSettings, people: None) -> None:
    async with running_service(settings) as (_, calling):
        assert (await calling.failure("WriteAnalysis", writing())).reason == "ANALYSES_NOT_OFFERED"
