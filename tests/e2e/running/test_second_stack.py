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
from tests.e2e.conftest import Post, Witness
from tests.support.clients.sdk_calls import chat as sdk_chat
from tests.support.clients.sdk_calls import connect
from tests.support.ports import free_port_base
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
    call = next(span for span in trace if span.service == "usage_service")
    envoy_span_ids = {span.span_id for span in trace} - {authorize.span_id, limit.span_id, call.span_id}
    assert authorize.parent_span_id in envoy_span_ids
    assert limit.parent_span_id in envoy_span_ids
    assert authorize.attributes["megarouter.authz.decision"] == "allowed"
    assert authorize.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert settlement.trace_id != trace_id
    assert settlement.attributes["gen_ai.usage.input_tokens"] > 0


@pytest.mark.timeout(180)
async def test_a_call_has_a_span_by_the_conventions_in_its_own_trace(
    second: Stack, receiver: OtlpReceiver, session: aiohttp.ClientSession
) -> None:
    """Seen to fail without the filter that removes the trace context on the way to a provider."""
    witness = Witness(f"http://127.0.0.1:{second.ports.mock_provider}", session)
    before = await witness.last_sequence()
    environment = second.environment
    assert await sdk_chat(connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"]), "Hello.", 20)
    spans = await receiver.wait_for(lambda spans: any(_is_complete(spans, span) for span in spans))
    settlement = next(span for span in spans if _is_complete(spans, span))
    trace = [span for span in spans if span.trace_id == settlement.linked_trace_ids[0]]
    (chat,) = [span for span in trace if span.service == "usage_service"]
    assert chat.name == "chat gpt-4o-mini"
    assert chat.parent_span_id in {span.span_id for span in trace if span.service == "megarouter-envoy"}
    assert chat.begin_ns < chat.end_ns
    assert not chat.is_error
    attributes = chat.attributes
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert attributes["gen_ai.response.model"].startswith("gpt-4o-mini")
    assert attributes["gen_ai.response.id"].startswith("chatcmpl-")
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert attributes["gen_ai.request.stream"] is False
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 0
    assert attributes["gen_ai.usage.cache_read.input_tokens"] >= 0
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] >= 0
    assert "error.type" not in attributes
    assert settlement.attributes.items() >= attributes.items()
    assert settlement.attributes["megarouter.settlement.outcome"] == "SETTLED"
    # Envoy adds the context of its trace last. No provider receives it.
    assert [arrival["gateway_headers"] for arrival in await witness.calls_after(before)] == [[]]


@pytest.mark.timeout(180)
async def test_a_failed_call_has_a_status_and_the_path_of_the_caller(
    second: Stack, receiver: OtlpReceiver, session: aiohttp.ClientSession
) -> None:
    """Seen to fail while `http.url` was the provider's path."""
    environment = second.environment
    path = "/v1/chat/completions"  # not that of the provider
    async with session.post(
        f"{environment['MEGAROUTER_BASE_URL']}{path}?beta=true",
        json={"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "Hello."}]},
        headers={"authorization": f"Bearer {environment['MEGAROUTER_API_KEY']}", "x-mock-fail": "503"},
    ) as response:
        assert response.status == 503
    name = "chat gemini-2.5-flash"
    spans = await receiver.wait_for(lambda spans: any(_urls_beside(spans, span) for span in spans if span.name == name))
    (call,) = [span for span in spans if span.name == name]
    assert _urls_beside(spans, call) == {path}
    assert call.is_error
    assert call.attributes["error.type"] == "503"
    assert call.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert "gen_ai.response.model" not in call.attributes


def _urls_beside(spans: list[ReceivedSpan], call: ReceivedSpan) -> set[str]:
    """Returns the URLs in the trace of a call, once Envoy's own span and that towards the provider are there."""
    urls = [
        span.attributes["http.url"]
        for span in spans
        if span.trace_id == call.trace_id and "http.url" in span.attributes
    ]
    return set(urls) if len(urls) > 1 else set()


def _is_complete(spans: list[ReceivedSpan], settlement: ReceivedSpan) -> bool:
    """Returns whether a span settles a call whose trace is complete: Envoy's three spans and those of three services."""
    if settlement.service != "usage_service" or not settlement.linked_trace_ids:
        return False
    trace = [span for span in spans if span.trace_id == settlement.linked_trace_ids[0]]
    services = {span.service for span in trace}
    return len(trace) >= 6 and {"authz_service", "ratelimit_service", "usage_service"} <= services


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
