"""What routing does to quality on the command line: beside savings, and as outcomes that the evaluation of routers reads."""

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    HoldoutEstimate,
    Organization,
    OutcomePair,
    QualityMeasure,
    QueryRoutingOutcomesRequest,
    QueryRoutingOutcomesResponse,
    QueryRoutingSavingsRequest,
    QueryRoutingSavingsResponse,
)
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.routing.outcomes import show_outcomes
from megarouter_admin.command_line.resources.routing.savings import show_savings
from megarouter_admin.command_line.session import Session

from benchmarks.routing.outcomes import Pair, read_prompts

NOW = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)
PAIR = Pair("light", "top", (0.15, 0.6), (2.5, 10.0))


class Policies:
    """Answers with what a test sets."""

    def __init__(self) -> None:
        self.measures: list[QualityMeasure] = []
        self.pairs: list[OutcomePair] = []

    def QueryRoutingSavings(self, _: QueryRoutingSavingsRequest) -> QueryRoutingSavingsResponse:  # noqa: N802 - as the API
        return QueryRoutingSavingsResponse(holdout=HoldoutEstimate(), quality=self.measures)

    def QueryRoutingOutcomes(self, request: QueryRoutingOutcomesRequest) -> QueryRoutingOutcomesResponse:  # noqa: N802
        return QueryRoutingOutcomesResponse(pairs=[] if request.by_rating else self.pairs)


@pytest.fixture
def policies() -> Policies:
    return Policies()


def session(policies: Policies) -> Session:
    organization = Organization(time_zone="UTC")
    router: Any = SimpleNamespace(
        routing_policies=policies, organizations=SimpleNamespace(GetOrganization=lambda _: organization)
    )
    return Session(router, "acme", Output(json=False), NOW)


def test_rates_stand_side_by_side_with_the_interval_of_their_difference(
    policies: Policies, capsys: pytest.CaptureFixture[str]
) -> None:
    policies.measures = [
        QualityMeasure(
            name="rated_bad", routed_session_count=1_204, routed_bad_session_count=75, held_out_session_count=62,
            held_out_bad_session_count=3, difference_basis_points=139, difference_basis_points_low=-715,
            difference_basis_points_high=491,
        ),
        QualityMeasure(name="refused", routed_session_count=1_204),
    ]  # fmt: skip
    show_savings(session(policies))
    *_, titles, row = capsys.readouterr().out.rstrip().splitlines()
    assert titles.split("  ")[0] == "conversations with"
    assert row.split() == [
        "a",
        "bad",
        "rating",
        "6.2%",
        "of",
        "1,204",
        "4.8%",
        "of",
        "62",
        "+1.4%",
        "(-7.2%",
        "to",
        "+4.9%)",
    ]


def test_outcomes_are_lines_that_the_evaluation_of_routers_reads(
    policies: Policies, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    good, bad = (
        OutcomePair.Outcome(good=good, input_token_count=800, output_token_count=100) for good in (True, False)
    )
    policies.pairs = [
        OutcomePair(
            pair_id=f"a{number}-b{number}", use_case="résumés", routed_model="light", baseline_model="top",
            routed=bad if number % 4 == 0 else good, held_out=good,
        )
        for number in range(40)
    ]  # fmt: skip
    show_outcomes(session(policies))
    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[0]) == {
        "id": "a0-b0", "group": "résumés", "prompt": "", "outcomes": {"light": [0, 800, 100], "top": [1, 800, 100]},
    }  # fmt: skip
    path = tmp_path / "outcomes.jsonl"
    path.write_text(printed, encoding="utf-8")
    [prompts] = read_prompts(path, [PAIR])
    assert {one.use_case for one in prompts} == {"résumés"}
    assert sum(one.gap for one in prompts) / len(prompts) == 0.25


def test_without_pairs_a_remark_says_so(policies: Policies, capsys: pytest.CaptureFixture[str]) -> None:
    show_outcomes(session(policies), ratings=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no conversations" in printed.err
