"""What the services say in metrics about calls, settlements and the journal."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.local.stack import Stack
from tests.e2e.conftest import free_port_base
from tests.e2e.otlp_receiver import OtlpReceiver, receiving
from tests.e2e.sdk_calls import chat, connect

EXPECTED = {
    "authz_service": {"megarouter.authz.decisions", "megarouter.authz.duration", "megarouter.authz.holds_waiting"},
    "usage_service": {
        "megarouter.journal.age",
        "megarouter.journal.lag",
        "megarouter.journal.rescued",
        "megarouter.redis.lag",
        "megarouter.report.discrepancies",
        "megarouter.report.dropped",
        "megarouter.report.repeated",
        "megarouter.settlement.calls",
        "megarouter.settlement.lag",
        "megarouter.settlement.queue",
    },
    "ratelimit_service": {"megarouter.ratelimit.decisions"},
}


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
async def measured(receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A gateway that exports its metrics twice a second."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.address}",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    stack = Stack(tmp_path_factory.mktemp("measured"), free_port_base(), settings=settings)
    await asyncio.to_thread(stack.start)
    yield stack
    await asyncio.to_thread(stack.stop)


@pytest.mark.timeout(180)
async def test_every_metric_arrives_and_counts_calls_once(measured: Stack, receiver: OtlpReceiver) -> None:
    environment = measured.environment
    client = connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"])
    for _ in range(5):
        await chat(client, "Hello.", 20)
    allowed = {"megarouter.authz.decision": "allowed"}
    settled = {"megarouter.settlement.origin": "stream", "megarouter.settlement.outcome": "SETTLED"}
    await receiver.wait_for_point("megarouter.authz.decisions", allowed, 5)
    await receiver.wait_for_point("megarouter.authz.duration", {}, 5)
    await receiver.wait_for_point("megarouter.settlement.calls", settled, 5)
    await receiver.wait_for_point("megarouter.settlement.lag", {"megarouter.settlement.origin": "stream"}, 5)
    await receiver.wait_for_point("megarouter.journal.lag", {}, 0)
    await receiver.wait_for_point("megarouter.authz.holds_waiting", {}, 0)
    for service, names in EXPECTED.items():
        assert names <= {point.name for point in receiver.points.values() if point.service == service}


@pytest.mark.timeout(180)
async def test_a_call_that_only_the_journal_brought_is_counted_as_rescued(
    measured: Stack, receiver: OtlpReceiver
) -> None:
    environment = measured.environment
    client = connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"])
    await asyncio.to_thread(measured.stop_process, "usage_service")
    await chat(client, "Hello.", 20)
    await asyncio.sleep(1.5)  # The stream gives the entry up; the journal has it.
    await asyncio.to_thread(measured.start_process, "usage_service")
    await receiver.wait_for_point("megarouter.journal.rescued", {}, 1)


@pytest.mark.timeout(180)
async def test_no_label_names_an_organization_a_member_or_a_key(measured: Stack, receiver: OtlpReceiver) -> None:
    assert measured.state
    await receiver.wait_for_point("megarouter.authz.holds_waiting", {}, 0)
    ours = [point for point in receiver.points.values() if point.name.startswith("megarouter.")]
    assert {key for point in ours for key in point.attributes} <= {
        "megarouter.authz.decision",
        "megarouter.authz.reason",
        "megarouter.ratelimit.decision",
        "megarouter.report.drop_reason",
        "megarouter.settlement.origin",
        "megarouter.settlement.outcome",
    }
    environment = measured.environment
    for secret in (environment["MEGAROUTER_API_KEY"], environment["MEGAROUTER_ORGANIZATION"]):
        assert secret not in repr(ours)
