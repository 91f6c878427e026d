"""Anomalies over gRPC: who sees them, what explains what, and what people may say about them."""

import datetime as dt
import json
from typing import Any, Final

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import anomaly_pb2
from megarouter.admin.v1.anomaly_pb2 import Anomaly

from tests.contract.admin_service.conftest import GROUPS, Client

ORGANIZATION: Final = "organizations/acme"
DAY: Final = dt.date(2026, 3, 18)
SPENDERS: Final = {
    "member": ("eng", "platform"),
    "below": ("eng", "platform", "inference"),
    "sales": ("sales",),
    "super": (),
}


async def add(
    owner: asyncpg.Connection, anomaly: str, kind: str, scope: str, path: tuple[str, ...], member: str = "",
    explained_by: str | None = None, organization: str = "acme", excess: int = 800, day: dt.date = DAY,
) -> None:  # fmt: skip
    """Adds an anomaly of 100 nano-credits that were expected."""
    parts = {
        "members": [["member", excess - 10, 0, 10]],
        "keys": [["key-member", excess, 0, 0]],
        "models": [["acme/large", excess + 5, 0, 0], ["", -5, 0, 0]],
    }
    await owner.execute(
        "INSERT INTO usage_anomalies (organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time,"
        " end_time, time_zone, group_path, member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits,"
        " highest_usual_nano_credits, volume_nano_credits, size_nano_credits, price_nano_credits, parts, explained_by,"
        " ledger_sequence)"
        " VALUES ($1, $2, $3, $4, $5, 'DAY', $6, $7, 'UTC', $8, $9, $10, 100, 20, 300, $11, 0, 0, $12, $13, 7)",
        organization, anomaly, kind, scope, day, dt.datetime.combine(day, dt.time(), dt.UTC),
        dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=1), list(path), member, 100 + excess, excess,
        json.dumps(parts), explained_by,
    )  # fmt: skip


@pytest.fixture
async def found(owner: asyncpg.Connection, people: None) -> None:
    """An anomaly of each spender; that of `member` explains those of the key and of the groups above."""
    for member, path in SPENDERS.items():
        await add(owner, f"a-{member}", "member", member, path, member)
    await add(owner, "a-key", "api_key", "key-member", SPENDERS["member"], "member", "a-member")
    await add(owner, "a-platform", "group", "platform", ("eng", "platform"), "", "a-member")
    await add(owner, "a-eng", "group", "eng", ("eng",), "", "a-member")
    await add(owner, "a-stranger", "member", "stranger", (), "stranger", None, "other")


async def listed(client: Client, member: str = "super", **fields: Any) -> list[Anomaly]:
    request = anomaly_pb2.ListAnomaliesRequest(parent=ORGANIZATION, **fields)
    answer: anomaly_pb2.ListAnomaliesResponse = await client.call("ListAnomalies", request, member)
    return list(answer.anomalies)


def ids(anomalies: list[Anomaly]) -> set[str]:
    return {anomaly.name.rpartition("/")[2] for anomaly in anomalies}


def asking(anomaly: str, verdict: str = "RIGHT", **fields: Any) -> anomaly_pb2.AcknowledgeAnomalyRequest:
    value = Anomaly.Verdict.Value(f"VERDICT_{verdict}")
    return anomaly_pb2.AcknowledgeAnomalyRequest(name=f"{ORGANIZATION}/anomalies/{anomaly}", verdict=value, **fields)


async def test_each_caller_sees_those_of_their_subtree(client: Client, found: None) -> None:
    assert ids(await listed(client)) == {"a-member", "a-below", "a-sales", "a-super"}
    assert ids(await listed(client, "l1")) == {"a-member", "a-below"}
    assert ids(await listed(client, "sub")) == {"a-member", "a-below"}
    assert ids(await listed(client, "member")) == {"a-member"}
    assert ids(await listed(client, "below")) == {"a-below"}
    assert ids(await listed(client, "l1-peer")) == {"a-member", "a-below"}


async def test_what_explains_an_alarm_hides_it_only_from_those_who_see_both(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    """A burst of `eng` explains the alarm of a member of `platform`, whose admin does not see `eng`."""
    await add(owner, "a-eng", "group", "eng", ("eng",))
    await add(owner, "a-member", "member", "member", SPENDERS["member"], "member", "a-eng")
    assert ids(await listed(client, "l1")) == {"a-eng"}
    assert ids(await listed(client, "sub")) == {"a-member"}
    assert ids(await listed(client, "member")) == {"a-member"}


async def test_an_anomaly_names_what_it_explains_as_far_as_the_caller_sees_it(client: Client, found: None) -> None:
    request = anomaly_pb2.GetAnomalyRequest(name=f"{ORGANIZATION}/anomalies/a-member")
    explained = {}
    for caller in ("super", "l1", "sub", "member"):
        anomaly: Anomaly = await client.call("GetAnomaly", request, caller)
        explained[caller] = [scope.removeprefix(f"{ORGANIZATION}/") for scope in anomaly.explained_scopes]
    assert explained == {
        "super": ["groups/eng", "groups/platform", "apiKeys/key-member"],
        "l1": ["groups/eng", "groups/platform", "apiKeys/key-member"],
        "sub": ["groups/platform", "apiKeys/key-member"],
        "member": ["apiKeys/key-member"],
    }


async def test_an_anomaly_has_figures_that_add_up_and_names(client: Client, found: None) -> None:
    request = anomaly_pb2.GetAnomalyRequest(name=f"{ORGANIZATION}/anomalies/a-platform")
    anomaly: Anomaly = await client.call("GetAnomaly", request)
    assert (anomaly.actual_nano_credits, anomaly.expected_nano_credits, anomaly.excess.excess_nano_credits) == (
        900,
        100,
        800,
    )
    assert (anomaly.scope, anomaly.scope_display_name, anomaly.owner) == (
        f"{ORGANIZATION}/groups/platform",
        "platform",
        "",
    )
    assert (anomaly.lowest_usual_nano_credits, anomaly.highest_usual_nano_credits) == (20, 300)
    (part,) = anomaly.members
    assert (part.value.value, part.value.display_name) == (f"{ORGANIZATION}/members/member", "member")
    assert (part.excess_nano_credits, part.volume_nano_credits, part.price_nano_credits) == (800, 790, 10)
    large, rest = anomaly.models
    assert (large.value.value, large.is_other, rest.is_other, rest.excess_nano_credits) == (
        "models/acme/large",
        False,
        True,
        -5,
    )
    assert rest.value == type(rest.value)()
    assert anomaly.state == Anomaly.STATE_OPEN
    assert anomaly.time_range.start_time.ToDatetime().date() == DAY
    owned: Anomaly = await client.call(
        "GetAnomaly", anomaly_pb2.GetAnomalyRequest(name=f"{ORGANIZATION}/anomalies/a-key")
    )
    assert (owned.owner, len(owned.members)) == (f"{ORGANIZATION}/members/member", 0)


async def test_an_answer_is_stored_once_and_audited(client: Client, owner: asyncpg.Connection, found: None) -> None:
    first: Anomaly = await client.call("AcknowledgeAnomaly", asking("a-member", "PLANNED", note="the migration"), "sub")
    assert (first.state, first.verdict, first.note) == (
        Anomaly.STATE_ACKNOWLEDGED,
        Anomaly.VERDICT_PLANNED,
        "the migration",
    )
    assert first.acknowledger_display_name == "sub"
    again: Anomaly = await client.call("AcknowledgeAnomaly", asking("a-member", "PLANNED", note="the migration"), "l1")
    assert (again.etag, again.acknowledger_display_name) == (first.etag, "sub")
    audited = "SELECT user_id, resource_name, group_path FROM audit_log WHERE method LIKE '%AcknowledgeAnomaly'"
    assert [tuple(row) for row in await owner.fetch(audited)] == [("sub", first.name, ["eng", "platform"])]
    changed: Anomaly = await client.call("AcknowledgeAnomaly", asking("a-member", "WRONG", etag=first.etag), "l1")
    assert (changed.verdict, changed.note, changed.acknowledger_display_name) == (Anomaly.VERDICT_WRONG, "", "l1")
    assert changed.etag != first.etag
    stale = await client.failure("AcknowledgeAnomaly", asking("a-member", "RIGHT", etag=first.etag))
    assert (stale.code, stale.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert len(await owner.fetch(audited)) == 2


async def test_a_repeated_request_gets_its_first_answer(client: Client, found: None) -> None:
    request = asking("a-member", "RIGHT", request_id="4f3c1a9e-0d3b-4f6e-8a54-0a4a3f0c9f11")
    first = await client.call("AcknowledgeAnomaly", request)
    await client.call("AcknowledgeAnomaly", asking("a-member", "WRONG"))
    assert await client.call("AcknowledgeAnomaly", request) == first


async def test_only_admins_above_may_answer(client: Client, found: None) -> None:
    allowed = {
        "super": {"a-member", "a-below", "a-sales", "a-super", "a-eng"},
        "l1": {"a-member", "a-below", "a-eng"},
        "sub": {"a-member", "a-below"},
        "member": set[str](),
        "stranger": set[str](),
    }
    for caller, may in allowed.items():
        for anomaly in ("a-member", "a-below", "a-sales", "a-super", "a-eng", "a-stranger", "a-unknown"):
            code = await client.code("AcknowledgeAnomaly", asking(anomaly), caller)
            assert code is (grpc.StatusCode.OK if anomaly in may else grpc.StatusCode.PERMISSION_DENIED), (
                caller,
                anomaly,
            )


async def test_an_answer_needs_a_verdict(client: Client, found: None) -> None:
    request = anomaly_pb2.AcknowledgeAnomalyRequest(name=f"{ORGANIZATION}/anomalies/a-member")
    assert (await client.failure("AcknowledgeAnomaly", request)).fields == ("verdict",)


async def test_lists_are_filtered_ordered_and_paged(client: Client, owner: asyncpg.Connection, found: None) -> None:
    await owner.execute("UPDATE usage_anomalies SET withdraw_time = now() WHERE anomaly_id = 'a-super'")
    await client.call("AcknowledgeAnomaly", asking("a-sales", "PLANNED"))
    for text, expected in (
        ("state = OPEN", {"a-member", "a-below"}),
        ("state = ACKNOWLEDGED AND verdict = PLANNED", {"a-sales"}),
        ("state = WITHDRAWN", {"a-super"}),
        (f'member = "{ORGANIZATION}/members/below"', {"a-below"}),
        ('start_time >= "2026-03-19T00:00:00Z"', set()),
        ("excess_nano_credits > 799 AND granularity = DAY", {"a-member", "a-below", "a-sales", "a-super"}),
    ):
        assert ids(await listed(client, filter=text)) == expected, text
    assert len(await listed(client, order_by="excess_nano_credits desc", page_size=3)) == 3


async def test_days_in_a_row_are_one_incident(client: Client, owner: asyncpg.Connection, found: None) -> None:
    """Seen to fail without the condition on the day before: each day was an incident of its own."""
    for after, anomaly in ((-1, "a-eve"), (1, "a-second"), (2, "a-third"), (4, "a-later")):
        day = DAY + dt.timedelta(days=after)
        await add(owner, anomaly, "member", "member", SPENDERS["member"], "member", day=day)

    async def incidents() -> dict[str, str]:
        mine = [one for one in await listed(client) if one.scope == f"{ORGANIZATION}/members/member"]
        return {one.name.rpartition("/")[2]: one.incident.rpartition("/")[2] for one in mine}

    whole = dict.fromkeys(("a-eve", "a-member", "a-second", "a-third"), "a-eve") | {"a-later": "a-later"}
    assert await incidents() == whole
    kept = f'incident = "{ORGANIZATION}/anomalies/a-eve"'
    assert ids(await listed(client, filter=kept)) == {"a-eve", "a-member", "a-second", "a-third"}
    await owner.execute("UPDATE usage_anomalies SET withdraw_time = now() WHERE anomaly_id = 'a-second'")
    assert await incidents() == whole | {"a-second": "", "a-third": "a-third"}


async def test_a_withdrawn_anomaly_explains_nothing(client: Client, owner: asyncpg.Connection, found: None) -> None:
    await owner.execute("UPDATE usage_anomalies SET withdraw_time = now() WHERE anomaly_id = 'a-member'")
    assert ids(await listed(client, filter="state = OPEN")) == {
        "a-below", "a-sales", "a-super", "a-key", "a-platform", "a-eng",
    }  # fmt: skip


def test_the_places_of_spenders_are_those_of_the_organization() -> None:
    assert {path for path in SPENDERS.values() if path} <= {tuple(path) for path in GROUPS.values()}
