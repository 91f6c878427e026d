"""A second gateway next to the first. It exports traces."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deploy.local.stack.environment import DATABASE_URL, REDIS_URL
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.schema.logins import SERVICE_URLS
from tests.e2e.conftest import Post, free_port_base
from tests.support.clients.sdk_calls import chat as sdk_chat
from tests.support.clients.sdk_calls import connect
from tests.support.servers.identity_provider import encode
from tests.support.servers.otlp_receiver import OtlpReceiver, ReceivedSpan, receiving


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
async def second(
    stack: Stack, receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A gateway that starts while the first one runs."""
    assert stack.state
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.address}"}
    other = Stack(tmp_path_factory.mktemp("second"), free_port_base(), settings=settings)
    await asyncio.to_thread(other.start)
    yield other
    await asyncio.to_thread(other.stop)


@pytest.mark.timeout(180)
async def test_two_gateways_run_side_by_side_and_share_nothing(post: Post, second: Stack) -> None:
    environment = second.environment
    key = environment["MEGAROUTER_API_KEY"]
    assert (await post(key=key)).status == 401
    assert await sdk_chat(connect(environment["MEGAROUTER_BASE_URL"], key), "Hello.", 20)
    assert (await post()).status == 200


@pytest.mark.timeout(180)
async def test_a_restarted_service_runs_the_current_code(second: Stack) -> None:
    """The first start forks a process that loaded the code earlier. Later starts must not."""

    def parent() -> int:
        status = Path(f"/proc/{second.identity('ratelimit_service').pid}/stat").read_text()
        return int(status.rpartition(")")[2].split()[1])

    assert parent() != second.state.supervisor.pid
    await asyncio.to_thread(second.restart, "ratelimit_service")
    assert parent() == second.state.supervisor.pid


@pytest.mark.timeout(180)
async def test_without_identity_providers_a_payload_header_from_a_client_is_ignored(
    second: Stack, session: aiohttp.ClientSession
) -> None:
    claims = {"iss": "https://id.example", "sub": "1", "email": "olivia@acme.example", "email_verified": True}
    payload = encode(json.dumps(claims).encode())
    headers = {"x-megarouter-identity": payload, "authorization": f"Bearer {encode(b'{}')}.{payload}.{encode(b'x')}"}
    url = f"{second.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/acme/apiKeys"
    async with session.get(url, headers=headers) as response:
        assert response.status == 401


@pytest.mark.timeout(180)
async def test_one_trace_covers_the_decisions_and_settlement_links_to_it(second: Stack, receiver: OtlpReceiver) -> None:
    environment = second.environment
    assert await sdk_chat(connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"]), "Hello.", 20)
    spans = await receiver.wait_for(lambda spans: any(_is_complete(spans, span) for span in spans))
    settlement = next(span for span in spans if _is_complete(spans, span))
    (trace_id,) = settlement.linked_trace_ids
    trace = [span for span in spans if span.trace_id == trace_id]
    authorize = next(span for span in trace if span.service == "authz_service")
    limit = next(span for span in trace if span.service == "ratelimit_service")
    envoy_span_ids = {span.span_id for span in trace} - {authorize.span_id, limit.span_id}
    assert authorize.parent_span_id in envoy_span_ids
    assert limit.parent_span_id in envoy_span_ids
    assert authorize.attributes["megarouter.authz.decision"] == "allowed"
    assert authorize.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert settlement.trace_id != trace_id
    assert settlement.attributes["gen_ai.usage.input_tokens"] > 0


def _is_complete(spans: list[ReceivedSpan], settlement: ReceivedSpan) -> bool:
    """Returns whether a span settles a call whose trace is complete: Envoy's three spans and those of two services."""
    if settlement.service != "usage_service" or not settlement.linked_trace_ids:
        return False
    trace = [span for span in spans if span.trace_id == settlement.linked_trace_ids[0]]
    return len(trace) >= 5 and {"authz_service", "ratelimit_service"} <= {span.service for span in trace}


@pytest.mark.timeout(180)
async def test_no_secret_is_in_any_span_or_log(second: Stack, receiver: OtlpReceiver) -> None:
    environment = second.environment
    secrets = [environment["MEGAROUTER_API_KEY"], environment["MEGAROUTER_ADMIN_TOKEN"], *_passwords(environment)]
    assert await sdk_chat(connect(environment["MEGAROUTER_BASE_URL"], secrets[0]), "Hello.", 20)
    await receiver.wait_for(lambda spans: any(span.service == "usage_service" for span in spans))
    logs = "".join(path.read_text(errors="replace") for path in (second.home.directory / "logs").iterdir())
    assert len(logs) > 500
    for text in (logs, repr(receiver.spans)):
        assert [index for index, secret in enumerate(secrets) if secret in text] == []


def _passwords(environment: dict[str, str]) -> list[str]:
    urls = [environment[name] for name in (DATABASE_URL, *SERVICE_URLS.values(), REDIS_URL)]
    return [url.split("@")[0].rsplit(":", 1)[1] for url in urls]
