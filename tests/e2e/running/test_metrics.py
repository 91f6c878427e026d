"""The services' metrics about calls, settlements and the journal."""

import asyncio
import functools
import re
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from deploy.local.cli.watch import take_sample
from deploy.local.stack.layout import SERVICES
from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.observability_names import asked_names, instruments, scraped_names
from tests.support.clients.sdk_calls import chat, connect
from tests.support.ports import free_port_base
from tests.support.servers.otlp_receiver import OtlpReceiver, receiving

EXPECTED = {
    "authz_service": {"megarouter.authz.decisions", "megarouter.authz.duration", "megarouter.authz.holds_waiting"},
    "usage_service": {
        "megarouter.dependency.latency",
        "megarouter.dependency.up",
        "megarouter.holds.oldest_age",
        "megarouter.holds.open",
        "megarouter.journal.age",
        "megarouter.journal.lag",
        "megarouter.journal.rescued",
        "megarouter.redis.lag",
        "megarouter.report.discrepancies",
        "megarouter.report.dropped",
        "megarouter.report.repeated",
        "megarouter.settlement.calls",
        "megarouter.settlement.charge",
        "megarouter.settlement.lag",
        "megarouter.settlement.queue",
        "megarouter.settlement.tokens",
        "megarouter.settlement.unconfirmed_charge",
    },
    "ratelimit_service": {"megarouter.ratelimit.decisions", "megarouter.dependency.up"},
    "notification_service": {
        "megarouter.deliveries.oldest_age",
        "megarouter.deliveries.waiting",
        "megarouter.dependency.up",
        "megarouter.outbox.oldest_age",
        "megarouter.outbox.waiting",
    },
    "admin_service": {"megarouter.dependency.up"},
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
    settled = {
        "megarouter.settlement.origin": "stream",
        "megarouter.settlement.outcome": "SETTLED",
        "megarouter.settlement.usage_source": "provider",
    }
    await receiver.wait_for_point("megarouter.authz.decisions", allowed, 5)
    await receiver.wait_for_point("megarouter.authz.duration", {}, 1)  # sampled at every sixteenth decision
    await receiver.wait_for_point("megarouter.settlement.calls", settled, 5)
    await receiver.wait_for_point("megarouter.settlement.lag", {"megarouter.settlement.origin": "stream"}, range(1, 6))
    await receiver.wait_for_point("megarouter.journal.lag", {}, 0)
    await receiver.wait_for_point("megarouter.authz.holds_waiting", {}, 0)
    for name in ("postgres", "redis"):
        await receiver.wait_for_point("megarouter.dependency.up", {"megarouter.dependency.name": name}, 1)
    for service, names in EXPECTED.items():
        assert names <= {point.name for point in receiver.points.values() if point.service == service}
    labels = {instrument.name: set(instrument.labels) for instrument in instruments()}
    for point in receiver.points.values():
        assert set(point.attributes) <= labels.get(point.name, set(point.attributes)), point.name


@pytest.mark.timeout(180)
async def test_a_call_delivered_by_the_journal_alone_is_counted_as_rescued(
    measured: Stack, receiver: OtlpReceiver
) -> None:
    environment = measured.environment
    client = connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"])
    await asyncio.to_thread(measured.stop_process, "usage_service")
    await chat(client, "Hello.", 20)
    await asyncio.sleep(1.5)  # The stream drops the entry; the journal has it.
    await asyncio.to_thread(measured.start_process, "usage_service")
    await receiver.wait_for_point("megarouter.journal.rescued", {}, 1)


@pytest.mark.timeout(180)
async def test_the_dashboard_and_alerts_query_exported_series_only(measured: Stack) -> None:
    environment = measured.environment
    await chat(connect(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"]), "Hello.", 20)
    await asyncio.sleep(1)
    sample = await asyncio.to_thread(take_sample, measured.ports)
    assert set(sample.figures) == set(SERVICES)
    scraped = {name for figures in sample.figures.values() for name, _ in figures if name.startswith("megarouter_")}
    assert scraped <= scraped_names()
    # These have no series until there is something to count.
    assert asked_names() - scraped <= {
        "megarouter_alerts_source_failures_total",
        "megarouter_authz_removed_betas_total",
        "megarouter_calls_refused_total",
        "megarouter_deliveries_attempts_total",
        "megarouter_deployment_failed_attempts_total",
        "megarouter_deployment_left",
        "megarouter_deployment_openings_total",
        "megarouter_deliveries_duration_seconds_bucket",
        "megarouter_authz_shadow_refusals_total",
        "megarouter_provider_refusals_total",
        "megarouter_provider_token_life_seconds",
        "megarouter_provider_token_requests_total",
        "megarouter_usage_findings_total",
        "megarouter_ratelimit_shadow_refusals_total",
    }


@pytest.mark.timeout(180)
async def test_a_lost_redis_is_reported(measured: Stack, receiver: OtlpReceiver) -> None:
    gone = {"megarouter.dependency.name": "redis"}
    await asyncio.to_thread(measured.stop_process, "redis")
    try:
        await receiver.wait_for_point("megarouter.dependency.up", gone, 0)
    finally:
        await asyncio.to_thread(measured.start_process, "redis")
    for service in ("authz", "ratelimit", "usage", "admin"):
        while not await asyncio.to_thread(sees_redis, measured, service):
            await asyncio.sleep(0.2)


def sees_redis(stack: Stack, service: str) -> bool:
    """Returns whether the service reports Redis as up."""
    figures = take_sample(stack.ports).figures.get(service, {})
    up = {("megarouter_dependency_name", "redis")}
    return any(
        value == 1 for (name, labels), value in figures.items() if name == "megarouter_dependency_up" and up <= labels
    )


@pytest.mark.timeout(180)
async def test_the_live_page_shows_calls_settlement_and_processes(measured: Stack) -> None:
    """The page also works in a pipe, one page after another, until Ctrl-C."""
    lines = ("over a rate limit +0", "open holds +[0-9]", "authz_service +[0-9]+% +[0-9.]+ MB +up +up")
    command = [sys.executable, "-m", "deploy.local", "status", "--watch", "--home", str(measured.home.directory)]
    # A shell lets background jobs ignore Ctrl-C, and a child would inherit that from the tests.
    heeds = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    page = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, preexec_fn=heeds)
    assert page.stdout is not None
    text = ""
    try:
        async with asyncio.timeout(30):
            while part := await page.stdout.read(4_096):
                text += part.decode()
                if all(re.search(line, text) for line in lines):
                    break
    finally:
        if page.returncode is None:
            page.send_signal(signal.SIGINT)
        await page.communicate()
    assert page.returncode == 130
    for line in lines:
        assert re.search(line, text), text


@pytest.mark.timeout(180)
async def test_no_label_names_an_organization_a_member_or_a_key(measured: Stack, receiver: OtlpReceiver) -> None:
    assert measured.state
    await receiver.wait_for_point("megarouter.authz.holds_waiting", {}, 0)
    points = [point for point in receiver.points.values() if point.name.startswith("megarouter.")]
    assert {key for point in points for key in point.attributes} <= {
        "gen_ai.request.model",
        "gen_ai.token.type",
        "megarouter.authz.decision",
        "megarouter.authz.reason",
        "megarouter.channel.kind",
        "megarouter.delivery.outcome",
        "megarouter.dependency.name",
        "megarouter.ratelimit.decision",
        "megarouter.report.drop_reason",
        "megarouter.settlement.origin",
        "megarouter.settlement.outcome",
        "megarouter.settlement.usage_source",
    }
    environment = measured.environment
    for secret in (environment["MEGAROUTER_API_KEY"], environment["MEGAROUTER_ORGANIZATION"]):
        assert secret not in repr(points)
