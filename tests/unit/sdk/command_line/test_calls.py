"""Calls on the command line: a table that lines up, and everything about one call."""

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    Call,
    GetCallRequest,
    ListCallsRequest,
    ListCallsResponse,
    Organization,
    QueryRefusalsRequest,
    QueryRefusalsResponse,
    RefusalDimension,
    RefusalGroup,
    RefusalValue,
    UsageFinding,
    UsageStatus,
    UsageTokens,
)
from megarouter_admin.command_line.rendering.characters import width_of
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage.calls import By, Status, list_calls, show_call, show_refusals
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import timestamp

NOW = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)
CREDIT = 10**9
ACME = "organizations/acme"


def call(name: str = "hold-1", owner: str = "Emma Fischer", **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "name": f"{ACME}/calls/{name}",
        "place_time": timestamp(NOW),
        "settle_time": timestamp(NOW + dt.timedelta(seconds=2)),
        "duration_ms": 1_940,
        "status": UsageStatus.USAGE_STATUS_SETTLED,
        "detail": "completed",
        "http_status": 200,
        "member": f"{ACME}/members/emma",
        "owner_display_name": owner,
        "api_key": f"{ACME}/apiKeys/notebook",
        "provider": "providers/acme",
        "model": "models/acme/large",
        "endpoint": "messages",
        "token_count": 1_500,
        "charge_nano_credits": 3 * CREDIT,
    }
    return Call(**{**fields, **changes})


CALLS = [
    call(),
    call("hold-2", "知识产权部的王小明", tags={"project": "搜索", "env": "test"}, charge_nano_credits=12),
    call("hold-3", "x" * 60, status=UsageStatus.USAGE_STATUS_VOIDED, api_key_display_name="Клавиша", token_count=0),
]


class Usage:
    """Answers with `CALLS`, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.call = call()

    def ListCalls(self, request: ListCallsRequest, **_: Any) -> ListCallsResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        return ListCallsResponse(calls=CALLS)

    def QueryRefusals(self, request: QueryRefusalsRequest) -> QueryRefusalsResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        return QueryRefusalsResponse(
            groups=[
                RefusalGroup(values=[RefusalValue(value=name)], refusal_count=count, share_basis_points=share,
                             call_count=108, rate_basis_points=rate)
                for name, count, share, rate in ((f"{ACME}/guardrails/group-eng", 12, 8_000, 1_000), ("", 3, 2_000, 270))
            ],
            refusal_count=15, call_count=108, rate_basis_points=1_219,
        )  # fmt: skip

    def GetCall(self, request: GetCallRequest) -> Call:  # noqa: N802 - as the API
        self.asked.append(request)
        return self.call


def session(*, as_json: bool = False) -> tuple[Session, Usage]:
    usage = Usage()
    organization = Organization(time_zone="Europe/Berlin")
    router: Any = SimpleNamespace(usage=usage, organizations=SimpleNamespace(GetOrganization=lambda _: organization))
    return Session(router, "acme", Output(json=as_json), NOW), usage


def test_a_table_lines_up_whatever_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    opened, _ = session()
    list_calls(opened)
    printed = capsys.readouterr()
    heading, *lines = printed.out.splitlines()
    assert heading.split() == ["when", "status", "model", "by", "key", "tokens", "credits", "took", "tags", "id"]
    starts = {
        width_of(line[: line.index(name)]) for line, name in zip(lines, ("hold-1", "hold-2", "hold-3"), strict=True)
    }
    assert starts == {width_of(heading[: heading.rindex("id")])}
    assert "2026-11-30 13:30:00  settled  acme/large  Emma Fischer" in lines[0]
    assert "env=test, project=搜索" in lines[1]
    assert "failed " in lines[2]
    assert "3 calls, 3,000 tokens, 6.000000012 credits" in printed.err


def test_options_become_the_filter() -> None:
    opened, usage = session()
    list_calls(
        opened, since="7d", member="emma", key="notebook", group="research", model="acme/large", endpoint="messages",
        status=Status.FAILED, tag=["env=test"], limit=5,
    )  # fmt: skip
    asked = usage.asked[0]
    kept = asked.usage_filter
    assert (list(kept.members), list(kept.api_keys)) == ([f"{ACME}/members/emma"], [f"{ACME}/apiKeys/notebook"])
    assert (list(kept.groups), list(kept.models)) == ([f"{ACME}/groups/research"], ["models/acme/large"])
    assert (list(kept.endpoints), list(kept.tags)) == (["messages"], ["env=test"])
    assert list(kept.statuses) == [UsageStatus.USAGE_STATUS_VOIDED]
    assert (asked.page_size, asked.time_range.start_time.ToJsonString()) == (5, "2026-11-22T23:00:00Z")
    list_calls(opened, member="sa-robot")
    assert list(usage.asked[1].usage_filter.members) == [f"{ACME}/serviceAccounts/sa-robot"]


def test_one_call_shows_everything(capsys: pytest.CaptureFixture[str]) -> None:
    opened, usage = session()
    limit = Call.CheckedLimit
    usage.call = call(
        time_to_first_byte_ms=120, groups=[f"{ACME}/groups/eng", f"{ACME}/groups/ai"], group_display_names=["工程部", ""],
        tokens=UsageTokens(text_input_token_count=1_000, reasoning_token_count=500), hold_nano_credits=5 * CREDIT,
        source=Call.SOURCE_PROVIDER, tags={"env": "test"}, trace_id="ab" * 16, is_corrected=True,
        finding=UsageFinding(reason="Larger than the model."), discrepancies=["recorded: a; reported later: b"],
        price_lines=[Call.PriceLine(category="cache_read", count=1_000, price_nano_credits=CREDIT, amount_nano_credits=CREDIT)],
        checked_limits=[
            limit(guardrail=f"{ACME}/guardrails/member-emma", kind=limit.KIND_BUDGET, period_start_time=timestamp(NOW)),
            limit(guardrail=f"{ACME}/guardrails/apikey-n", kind=limit.KIND_CONCURRENT_CALLS, models="acme/*"),
        ],
        transfers=[
            Call.Transfer(credit_transaction=f"{ACME}/creditTransactions/7", charge_nano_credits=5 * CREDIT,
                          create_time=timestamp(NOW)),
            Call.Transfer(credit_transaction=f"{ACME}/creditTransactions/9", charge_nano_credits=-2 * CREDIT,
                          create_time=timestamp(NOW), is_correction=True),
        ],
    )  # fmt: skip
    show_call(opened, "hold-1")
    assert usage.asked[0].name == f"{ACME}/calls/hold-1"
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "admitted 2026-11-30 13:30:00 Europe/Berlin",
        "first byte after 120 ms",
        "end after 1.9 s",
        "status settled: completed",
        "group 工程部 / ai",
        "tokens 1,500 (1,000 in, 500 reasoning)",
        "reserved 5.00 credits",
        "charged 3.00 credits, corrected",
        "finding Larger than the model.",
        "cache read 1,000 1.00 1.00",
        "member-emma budget all 2026-11-30 13:30:00",
        "apikey-n concurrent calls acme/*",
        "2026-11-30 13:30:00 9 correction -2.00",
    ):
        assert line in lines, line


def test_refused_calls_are_listed_with_their_rates(capsys: pytest.CaptureFixture[str]) -> None:
    opened, usage = session()
    show_refusals(opened, by=By.GUARDRAIL, reason=["rate_limited"], group="research")
    printed = capsys.readouterr()
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    assert lines == [
        "guardrail refused share passed refused of all",
        "group-eng 12 80.0% 108 10.0%",
        "none 3 20.0% 108 2.7%",
    ]
    assert "15 refused, 108 passed: 12.1% refused" in printed.err
    asked = usage.asked[0]
    assert (list(asked.reasons), list(asked.usage_filter.groups)) == (["rate_limited"], [f"{ACME}/groups/research"])
    assert list(asked.group_by) == [RefusalDimension.REFUSAL_DIMENSION_GUARDRAIL]


def test_json_is_the_answer_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    opened, _ = session(as_json=True)
    list_calls(opened)
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == [one.name for one in CALLS]
    show_call(opened, "hold-1")
    assert json.loads(capsys.readouterr().out)["durationMs"] == "1940"
