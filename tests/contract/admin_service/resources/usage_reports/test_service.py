"""Reports have what their reader may see. One that someone altered does not pass, and one that is out of date says by what."""

import dataclasses
import datetime as dt
import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1.analytics_pb2 import UsageFilter, UsageStatus
from megarouter.admin.v1.usage_reports_pb2 import (
    ExportUsageReportRequest,
    VerifyUsageReportRequest,
    VerifyUsageReportResponse,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.analytics.exports.reading import EVERYTHING
from admin_service.analytics.query import Reach
from admin_service.analytics.reports.building import Wanted, build_report
from admin_service.analytics.reports.rendering import Rendered, Renderer, RenderingError
from admin_service.analytics.reports.report import MAX_BYTES, Report, parse_report
from admin_service.analytics.reports.worker import make_pdf
from admin_service.resources.usage_reports.making import build_visible
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.analytics.test_service import (
    END,
    ORGANIZATION,
    PLACES,
    ROLES,
    START,
    add_catalog_and_robot,
    time_range,
)
from tests.contract.admin_service.resources.anomalies.test_service import DAY
from tests.contract.admin_service.resources.anomalies.test_service import add as add_anomaly
from tests.support.pdf import attachment
from tests.support.usage.histories import UsageHistory
from tests.support.usage.reference import calls_at

UNCHANGED = VerifyUsageReportResponse.VERDICT_UNCHANGED
CHANGED_SINCE = VerifyUsageReportResponse.VERDICT_CHANGED_SINCE
ALTERED = VerifyUsageReportResponse.VERDICT_ALTERED


@pytest.fixture
async def history(owner: asyncpg.Connection, client: Client) -> UsageHistory:
    await add_catalog_and_robot(owner)
    past = UsageHistory(random.Random(5), PLACES, START, END)
    await past.settle(owner, 80)
    return past


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=2) as pool:
        yield pool


async def build(pool: asyncpg.Pool, reach: Reach = EVERYTHING) -> Report:
    async with acting_for(pool, "acme", isolation="repeatable_read") as connection:
        return await build_report(connection, Wanted("acme", START, END, reach=reach))


def request(data: bytes, pdf: bytes = b"") -> VerifyUsageReportRequest:
    digest = hashlib.sha256(pdf).hexdigest() if pdf else ""
    return VerifyUsageReportRequest(name=ORGANIZATION, report=data, file_sha256=digest)


async def verified(
    client: Client, report: Report, pdf: bytes = b"", member: str = "super"
) -> VerifyUsageReportResponse:
    answer: VerifyUsageReportResponse = await client.call(
        "VerifyUsageReport", request(report.canonical(), pdf), member, timeout=60
    )
    return answer


async def test_a_report_is_verified_with_its_pages_and_later_calls_are_counted(
    client: Client, owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    report = await build(reading)
    pdf = make_pdf(report)
    fresh = await verified(client, report, pdf)
    assert (fresh.verdict, fresh.pages) == (UNCHANGED, VerifyUsageReportResponse.PAGES_SAME)
    assert fresh.present_charge_nano_credits == fresh.charge_nano_credits == report.total.charge
    before = await calls_at(owner, "acme", report.ledger_position)
    await history.settle(owner, 30)
    await history.correct_the_rest(owner)
    later = await verified(client, report, pdf)
    after = {call.record["hold_id"]: call for call in await calls_at(owner, "acme", later.present_ledger_position)}
    known = {call.record["hold_id"] for call in before}
    assert (later.verdict, later.pages, later.difference_count) == (
        CHANGED_SINCE,
        VerifyUsageReportResponse.PAGES_SAME,
        0,
    )
    assert later.late_call_count == len(after) - len(known) == 30
    assert later.correction_count == sum(
        (call.correction is not None and after[call.record["hold_id"]].correction != call.correction) or
        (call.correction is None and after[call.record["hold_id"]].correction is not None) for call in before
    )  # fmt: skip
    assert later.correction_count > 0
    assert later.present_charge_nano_credits == sum(call.outcome["charge_nano_credits"] for call in after.values())


@pytest.mark.parametrize("change", ["page", "attached table", "data"])
async def test_one_altered_byte_of_the_file_is_found(
    client: Client, reading: asyncpg.Pool, history: UsageHistory, change: str
) -> None:
    report = await build(reading)
    pdf = make_pdf(report)
    marker = {"page": b"/Type/Page/", "attached table": b"text#2Fcsv", "data": b"application#2Fjson"}[change]
    at = pdf.index(marker) + 60 if change == "page" else pdf.index(b"stream\n", pdf.index(marker)) + 40
    altered = pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]
    answer = await verified(client, report, altered)
    assert (answer.verdict, answer.pages) == (ALTERED, VerifyUsageReportResponse.PAGES_DIFFERENT)


def _set(*path: str | int, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        assert data[path[-1]] != value
        data[path[-1]] = value

    return change


FORGERIES = {
    "total.charge": _set("total", "charge", value=1),
    "before.call_count": _set("before", "call_count", value=7),
    "members[0].usage.charge": _set("members", 0, "usage", "charge", value=5),
    "members[0].name": _set("members", 0, "name", value="Somebody Else"),
    "models[0].ids[0]": _set("models", 0, "ids", value=["gpt-x"]),
    "points[0][5]": _set("points", 0, 5, value=3),
    "groups[0].usage.input_tokens": _set("groups", 0, "usage", "input_tokens", value=3),
    "active_members": _set("active_members", value=99),
    "member_count": _set("member_count", value=99),
}


@pytest.mark.parametrize("field", FORGERIES)
async def test_a_forged_figure_is_named_even_if_the_pages_are_made_again(
    client: Client, reading: asyncpg.Pool, history: UsageHistory, field: str
) -> None:
    report = await build(reading)
    forged = _forged(report, FORGERIES[field])
    answer = await client.call("VerifyUsageReport", request(forged), timeout=60)
    assert answer.verdict == ALTERED
    assert field in [one.field for one in answer.differences]
    assert answer.pages == VerifyUsageReportResponse.PAGES_NOT_COMPARED


def _forged(report: Report, change: Callable[[Any], None]) -> bytes:
    data = json.loads(report.canonical())
    change(data)
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


async def test_each_caller_exports_a_report_of_what_they_see_and_verifies_it(
    client: Client, owner: asyncpg.Connection, history: UsageHistory
) -> None:
    """Seen to fail without `reach_of` in `export`: a member's report had the calls of all."""
    calls = await calls_at(owner, "acme", 10**9)
    for member, is_seen in ROLES.items():
        answer = await client.call("ExportUsageReport", exported(), member, timeout=60)
        data = attachment(answer.pdf, "report.json")
        report = parse_report(data)
        seen = [call for call in calls if is_seen(call)]
        assert report.total.charge == sum(call.outcome["charge_nano_credits"] for call in seen)
        assert {row.ids[0] for row in report.members} == {call.record["member_id"] for call in seen}
        assert (report.balance is None) == (member != "super")
        assert (answer.data_sha256, answer.ledger_position) == (
            hashlib.sha256(data).hexdigest(),
            report.ledger_position,
        )
        checked = await client.call("VerifyUsageReport", request(data, answer.pdf), member, timeout=60)
        assert (checked.verdict, checked.pages) == (UNCHANGED, VerifyUsageReportResponse.PAGES_SAME)


async def test_a_report_has_the_alarms_that_its_reader_sees(
    client: Client, owner: asyncpg.Connection, history: UsageHistory
) -> None:
    for member, path in (("member", ("eng", "platform")), ("sales", ("sales",))):
        await add_anomaly(owner, f"a-{member}", "member", member, path, member)
    await add_anomaly(owner, "a-key", "api_key", "key-member", ("eng", "platform"), "member", "a-member")
    second = DAY + dt.timedelta(days=1)
    await add_anomaly(owner, "a-second", "member", "member", ("eng", "platform"), "member", day=second)
    amounts = {"member": (DAY, second, 1_800, 200, 600), "sales": (DAY, DAY, 900, 100, 300)}
    for caller, seen in (("super", ["member", "sales"]), ("sub", ["member"]), ("sales", ["sales"])):
        answer = await client.call("ExportUsageReport", exported(), caller, timeout=60)
        report = parse_report(attachment(answer.pdf, "report.json"))
        assert sorted(one.name for one in report.unusual) == seen
        assert {
            one.name: (one.day, one.last_day, one.actual, one.expected, one.highest_usual) for one in report.unusual
        } == {name: amounts[name] for name in seen}
        checked = await client.call("VerifyUsageReport", request(report.canonical(), answer.pdf), caller, timeout=60)
        assert (checked.verdict, checked.pages) == (UNCHANGED, VerifyUsageReportResponse.PAGES_SAME)
    filtered = exported(usage_filter=UsageFilter(models=["models/acme-1"]))
    answer = await client.call("ExportUsageReport", filtered, timeout=60)
    assert parse_report(attachment(answer.pdf, "report.json")).unusual == ()


async def test_a_report_can_be_narrowed_and_verified(
    client: Client, owner: asyncpg.Connection, history: UsageHistory
) -> None:
    settled = [UsageStatus.USAGE_STATUS_SETTLED]
    narrow = UsageFilter(groups=[f"{ORGANIZATION}/groups/eng"], models=["models/acme-1"], statuses=settled,
                         endpoints=["chat_completions"], providers=["providers/acme"])  # fmt: skip
    answer = await client.call(
        "ExportUsageReport",
        exported(usage_filter=narrow, language="REPORT_LANGUAGE_CHINESE", paper="REPORT_PAPER_LETTER"),
        timeout=60,
    )
    report = parse_report(attachment(answer.pdf, "report.json"))
    calls = [
        call for call in await calls_at(owner, "acme", 10**9)
        if "eng" in call.path and call.record["requested_model"] == "acme-1" and call.status == "SETTLED"
        and call.record["endpoint"] == "chat_completions" and call.record["provider_id"] == "acme"
    ]  # fmt: skip
    assert report.total.call_count == len(calls) > 0
    assert (report.language, report.paper) == ("zh", "us-letter")
    checked = await client.call("VerifyUsageReport", request(report.canonical(), answer.pdf), timeout=60)
    assert (checked.verdict, checked.pages) == (UNCHANGED, VerifyUsageReportResponse.PAGES_SAME)
    await history.settle(owner, 40)
    checked = await client.call("VerifyUsageReport", request(report.canonical()), timeout=60)
    later = [call for call in await calls_at(owner, "acme", 10**9) if call.record["sequence"] > report.ledger_position]
    assert checked.late_call_count == sum(
        "eng" in call.path and call.record["requested_model"] == "acme-1" and call.status == "SETTLED"
        and call.record["endpoint"] == "chat_completions" and call.record["provider_id"] == "acme" for call in later
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"time_range": time_range(START, START + dt.timedelta(days=401))}, "time_range"), ({"time_range": TimeRange()}, "time_range"),
     ({"usage_filter": UsageFilter(groups=["organizations/other/groups/a"])}, "usage_filter.groups[0]")],
)  # fmt: skip
async def test_a_report_of_something_impossible_is_refused(
    client: Client, history: UsageHistory, changes: dict[str, Any], field: str
) -> None:
    failure = await client.failure("ExportUsageReport", exported(**changes))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


async def test_a_report_that_cannot_be_made_in_time_says_what_to_do(
    client: Client, history: UsageHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_service.resources.usage_reports.service._MOST_BYTES", 10_000)
    failure = await client.failure("ExportUsageReport", exported(), timeout=60)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REPORT_TOO_LARGE")
    assert "Choose a shorter period or a narrower filter" in failure.message
    in_no_time = partial(build_visible, longest_ms=1)
    monkeypatch.setattr("admin_service.resources.usage_reports.service.build_visible", in_no_time)
    failure = await client.failure("ExportUsageReport", exported(), timeout=60)
    assert failure.reason == "REPORT_TOO_LARGE"


async def test_a_fault_of_the_pages_is_an_incident_and_no_size(
    client: Client, history: UsageHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when every failure of rendering was reported as a report that is too large."""

    async def broken(_renderer: Renderer, _report: Report) -> Rendered:
        raise RenderingError("the pages could not be made")

    monkeypatch.setattr(Renderer, "render", broken)
    failure = await client.failure("ExportUsageReport", exported(), timeout=60)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL_FAULT")
    assert "Report incident" in failure.message


def exported(**fields: Any) -> ExportUsageReportRequest:
    return ExportUsageReportRequest(name=ORGANIZATION, **{"time_range": time_range(), **fields})


async def test_pages_of_another_release_are_not_compared(
    client: Client, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    report = dataclasses.replace(await build(reading), edition="typst-0.1-older")
    answer = await verified(client, report, b"%PDF made otherwise")
    assert (answer.verdict, answer.pages) == (UNCHANGED, VerifyUsageReportResponse.PAGES_NOT_COMPARED)
    assert (await verified(client, report)).pages == VerifyUsageReportResponse.PAGES_NOT_COMPARED


async def test_callers_verify_only_reports_about_what_they_see(
    client: Client, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    """Seen to fail without the comparison of reaches in `_report`: a member verified the report of the organization."""
    whole, platform, own = [
        await build(reading, reach) for reach in (Reach(), Reach(group="platform"), Reach(member="member"))
    ]
    for report, allowed in ((whole, {"super"}), (platform, {"super", "sub"}), (own, {"super", "member"})):
        for member in ("super", "l1", "sub", "member", "sales"):
            code = await client.code("VerifyUsageReport", request(report.canonical()), member)
            assert (code is grpc.StatusCode.OK) == (member in allowed), (report.scope, member)
    assert (
        await client.code("VerifyUsageReport", request(whole.canonical()), "stranger")
        is grpc.StatusCode.PERMISSION_DENIED
    )


@pytest.mark.parametrize(
    "change",
    [lambda _: b"", lambda _: b"{}", lambda _: b"x" * (MAX_BYTES + 1), lambda report: report.canonical() + b"\n",
     lambda report: dataclasses.replace(report, organization="other").canonical(),
     lambda report: dataclasses.replace(report, ledger_position=10**9).canonical(),
     lambda report: dataclasses.replace(report, time_zone="Mars/Base").canonical(),
     lambda report: dataclasses.replace(report, group_level=9).canonical(),
     lambda report: dataclasses.replace(report, start=dt.datetime(1900, 1, 1, tzinfo=dt.UTC)).canonical(),
     lambda report: dataclasses.replace(report, end=report.end + dt.timedelta(days=5_000)).canonical()],
    ids=["empty", "object", "large", "not canonical", "foreign", "future", "zone", "level", "early", "long"],
)  # fmt: skip
async def test_what_is_no_report_is_refused(
    client: Client, reading: asyncpg.Pool, history: UsageHistory, change: Callable[[Report], bytes]
) -> None:
    failure = await client.failure("VerifyUsageReport", request(change(await build(reading))), timeout=60)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT, failure
    assert failure.fields == ("report",)
