"""Unusual spend on the command line."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    AcknowledgeAnomalyRequest,
    Anomaly,
    AnomalyPart,
    GetAnomalyRequest,
    ListAnomaliesRequest,
    ListAnomaliesResponse,
    Organization,
    UsageValue,
)
from megarouter.type.v1.time_range_pb2 import TimeRange
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.anomalies import Verdict, acknowledge, list_anomalies, show
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import timestamp

NOW = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)
CREDIT = 10**9
NAME = "organizations/acme/anomalies/anomaly-1"


def part(value: str, volume: int, size: int, price: int) -> AnomalyPart:
    return AnomalyPart(
        value=UsageValue(value=value) if value else None, is_other=not value,
        excess_nano_credits=(volume + size + price) * CREDIT, volume_nano_credits=volume * CREDIT,
        size_nano_credits=size * CREDIT, price_nano_credits=price * CREDIT,
    )  # fmt: skip


class Anomalies:
    """Answers with one anomaly, or with those of an incident, and keeps the requests."""

    def __init__(self, granularity: Anomaly.Granularity.ValueType) -> None:
        self.asked: list[Any] = []
        self.before: list[Anomaly] = []
        self.anomaly = Anomaly(
            name=NAME,
            scope="organizations/acme/members/emma",
            scope_display_name="Emma Fischer",
            granularity=granularity,
            state=Anomaly.STATE_OPEN,
            time_range=TimeRange(start_time=timestamp(dt.datetime(2026, 11, 12, 23, tzinfo=dt.UTC))),
            actual_nano_credits=110 * CREDIT,
            expected_nano_credits=10 * CREDIT,
            lowest_usual_nano_credits=2 * CREDIT,
            highest_usual_nano_credits=40 * CREDIT,
            excess=part("", 20, 90, -10),
            api_keys=[part("organizations/acme/apiKeys/emma-default", 30, 90, -10), part("", -10, 0, 0)],
            models=[part("models/acme/large", 20, 90, -10)],
            explained_scopes=["organizations/acme/groups/eng"],
        )

    def ListAnomalies(self, request: ListAnomaliesRequest) -> ListAnomaliesResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        return ListAnomaliesResponse(anomalies=[self.anomaly, *self.before])

    def GetAnomaly(self, request: GetAnomalyRequest) -> Anomaly:  # noqa: N802 - as the API
        self.asked.append(request)
        return self.anomaly

    def AcknowledgeAnomaly(self, request: AcknowledgeAnomalyRequest) -> Anomaly:  # noqa: N802 - as the API
        self.asked.append(request)
        self.anomaly.state, self.anomaly.verdict = Anomaly.STATE_ACKNOWLEDGED, request.verdict
        self.anomaly.acknowledger_display_name = "Olivia"
        return self.anomaly

    def begin_the_day_before(self) -> None:
        """Makes the anomaly the second day of an incident. The first day cost more."""
        first = Anomaly()
        first.CopyFrom(self.anomaly)
        first.name = first.incident = self.anomaly.incident = "organizations/acme/anomalies/anomaly-0"
        first.etag = "e"
        first.time_range.start_time.seconds -= 86_400
        first.actual_nano_credits += 90 * CREDIT
        first.excess.excess_nano_credits += 90 * CREDIT
        self.before = [first]


def session(granularity: Anomaly.Granularity.ValueType = Anomaly.GRANULARITY_DAY) -> tuple[Session, Anomalies]:
    anomalies = Anomalies(granularity)
    organization = Organization(time_zone="Europe/Berlin")
    router: Any = SimpleNamespace(
        anomalies=anomalies, organizations=SimpleNamespace(GetOrganization=lambda _: organization)
    )
    return Session(router, "acme", Output(json=False), NOW), anomalies


def test_open_anomalies_are_listed_with_their_cause(capsys: pytest.CaptureFixture[str]) -> None:
    opened, anomalies = session()
    list_anomalies(opened)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split() == [
        "anomaly-1", "2026-11-13", "Emma", "Fischer", "110.00", "10.00", "larger", "calls", "acme/large",
    ]  # fmt: skip
    assert anomalies.asked[0].filter == "state = OPEN"


def test_all_anomalies_since_a_day_are_listed_with_their_state(capsys: pytest.CaptureFixture[str]) -> None:
    opened, anomalies = session(Anomaly.GRANULARITY_HOUR)
    acknowledge(opened, "anomaly-1", Verdict.WRONG)
    list_anomalies(opened, "2026-11-01", acknowledged=True)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "2026-11-13 00:00" in line
    assert line.endswith("wrong (Olivia)")
    assert anomalies.asked[-1].filter == "start_time >= 2026-11-01T00:00:00Z"


def test_days_in_a_row_are_one_line_named_by_the_largest_and_answered_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened, anomalies = session()
    anomalies.begin_the_day_before()
    list_anomalies(opened)
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.split()[:8] == ["anomaly-0", "2026-11-12", "to", "2026-11-13", "Emma", "Fischer", "310.00", "20.00"]
    acknowledge(opened, "anomaly-1", Verdict.PLANNED, "load test")
    _, answered, asked, *others = anomalies.asked
    assert (answered.name, asked.filter) == (
        NAME,
        'incident = "organizations/acme/anomalies/anomaly-0" AND state = OPEN',
    )
    assert [(one.name, one.verdict, one.note, one.etag) for one in others[1:]] == [
        ("organizations/acme/anomalies/anomaly-0", Anomaly.VERDICT_PLANNED, "load test", "e")
    ]
    anomalies.asked.clear()
    acknowledge(opened, "anomaly-1", Verdict.WRONG, only_day=True)
    assert [type(one) for one in anomalies.asked] == [AcknowledgeAnomalyRequest]


def test_an_anomaly_is_shown_with_all_parts(capsys: pytest.CaptureFixture[str]) -> None:
    opened, anomalies = session()
    show(opened, "anomaly-1")
    assert anomalies.asked[0].name == NAME
    text = capsys.readouterr().out
    assert "Emma Fischer (members/emma)" in text
    assert "10.00, usual 2.00 to 40.00" in text
    assert "groups/eng" in text
    rows = [line.split() for line in text.splitlines() if line.startswith(("key", "model"))]
    assert rows == [
        ["key", "emma-default", "110.00", "30.00", "90.00", "-10.00"],
        ["key", "all", "others", "-10.00", "-10.00", "0.00", "0.00"],
        ["model", "acme/large", "100.00", "20.00", "90.00", "-10.00"],
    ]


def test_an_answer_is_sent_with_its_note(capsys: pytest.CaptureFixture[str]) -> None:
    opened, anomalies = session()
    acknowledge(opened, "anomaly-1", Verdict.PLANNED, "load test")
    assert (anomalies.asked[0].verdict, anomalies.asked[0].note) == (Anomaly.VERDICT_PLANNED, "load test")
    assert "planned (Olivia)" in capsys.readouterr().out
