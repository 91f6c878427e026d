"""Anthropic's streams, cache lifetimes and iterations."""

from dataclasses import dataclass
from typing import Any

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import streamed
from usage_service.provider_reports.reading import Flag, ModelUsage, Reading
from usage_service.provider_reports.report import read_report

CONTRADICTORY = frozenset({Flag.CONTRADICTORY_COUNTS})


def read(usage: dict[str, Any] | None = None, start: dict[str, Any] | None = None) -> Reading:
    return read_report(Endpoint.MESSAGES, streamed(start_usage=start, usage=usage)).reading


@dataclass(frozen=True)
class Case:
    name: str
    start: dict[str, Any] | None
    last: dict[str, Any]
    usage: TokenUsage
    flags: frozenset[Flag] = frozenset()


def writes(created: int | None, **by_life: int) -> dict[str, Any]:
    names = {f"ephemeral_{life.removeprefix('of_')}_input_tokens": count for life, count in by_life.items()}
    return {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": created, "cache_creation": names}


def written(five_minutes: int, one_hour: int) -> TokenUsage:
    return TokenUsage(1, cache_write_5m=five_minutes, cache_write_1h=one_hour, output=2)


CASES = [
    Case(
        "a later zero",
        {"input_tokens": 15_000},
        {"input_tokens": 0, "output_tokens": 177},
        TokenUsage(15_000, output=177),
    ),
    Case(
        "a later zero of one field",
        {"input_tokens": 300, "cache_read_input_tokens": 9_000},
        {"input_tokens": 500, "cache_read_input_tokens": 0, "output_tokens": 1},
        TokenUsage(500, cache_read=9_000, output=1),
    ),
    Case(
        "input that grows",
        {"input_tokens": 100},
        {"input_tokens": 734_311, "output_tokens": 9},
        TokenUsage(734_311, output=9),
    ),
    Case(
        "input that shrinks",
        {"input_tokens": 100},
        {"input_tokens": 7, "output_tokens": 9},
        TokenUsage(100, output=9),
        CONTRADICTORY,
    ),
    Case(
        "input that moves into the cache",
        {"input_tokens": 100},
        {"input_tokens": 20, "cache_read_input_tokens": 80, "output_tokens": 9},
        TokenUsage(20, cache_read=80, output=9),
    ),
    Case("output that shrinks", {"input_tokens": 1, "output_tokens": 5}, {"output_tokens": 2}, TokenUsage(1, output=5)),
    Case("writes of both lifetimes", None, writes(70, of_5m=40, of_1h=30), written(40, 30)),
    Case("writes named only by lifetime", None, writes(None, of_5m=40, of_1h=30), written(40, 30)),
    Case("only the hour is named", None, writes(70, of_1h=30), written(40, 30)),
    Case("only the five minutes are named", None, writes(70, of_5m=40), written(40, 30)),
    Case("lifetimes of zero", None, writes(70, of_5m=0, of_1h=0), written(70, 0)),
    Case("a rest beside both lifetimes", None, writes(80, of_5m=40, of_1h=30), written(40, 40), CONTRADICTORY),
    Case("lifetimes above the writes", None, writes(10, of_5m=40, of_1h=30), written(40, 30), CONTRADICTORY),
    Case(
        "more thinking than output",
        None,
        {"input_tokens": 1, "output_tokens": 90, "output_tokens_details": {"thinking_tokens": 91}},
        TokenUsage(1, output=90, output_reasoning=91),
        CONTRADICTORY,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_largest_consistent_counts_are_taken(case: Case) -> None:
    reading = read(case.last, case.start)
    assert (reading.usage, reading.flags) == (case.usage, case.flags)
    assert reading.input_counted
    assert reading.output_counted


def test_a_stream_without_its_end_has_exact_input() -> None:
    reading = read(start={"input_tokens": 200_000, "output_tokens": 1})
    assert reading.usage == TokenUsage(200_000, output=1)
    assert (reading.input_counted, reading.output_counted) == (True, False)


def iteration(kind: str, taken: int, made: int, **others: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": taken, "output_tokens": made, **others}


def test_a_compaction_is_added_to_the_totals_that_leave_it_out() -> None:
    iterations = [iteration("compaction", 180_000, 3_500), iteration("message", 23_000, 1_000)]
    reading = read({"input_tokens": 23_000, "output_tokens": 1_000, "iterations": iterations})
    assert (reading.usage, reading.flags) == (TokenUsage(203_000, output=4_500), frozenset())


def test_iterations_that_the_totals_contain_are_not_added() -> None:
    iterations = [iteration("compaction", 180_000, 3_500), iteration("message", 23_000, 1_000)]
    reading = read({"input_tokens": 203_000, "output_tokens": 4_500, "iterations": iterations})
    assert (reading.usage, reading.flags) == (TokenUsage(203_000, output=4_500), frozenset())


def test_iterations_of_a_tool_loop_are_the_totals() -> None:
    iterations = [iteration("message", 100, 10), iteration("message", 200, 20)]
    reading = read({"input_tokens": 300, "output_tokens": 30, "iterations": iterations})
    assert (reading.usage, reading.flags) == (TokenUsage(300, output=30), frozenset())


def test_iterations_above_the_totals_are_charged_and_flagged() -> None:
    iterations = [iteration("compaction", 180_000, 3_500), iteration("message", 30_000, 900)]
    reading = read({"input_tokens": 23_000, "output_tokens": 1_000, "iterations": iterations})
    assert (reading.usage, reading.flags) == (TokenUsage(210_000, output=4_500), CONTRADICTORY)


def test_an_iteration_of_another_model_is_kept_apart() -> None:
    iterations = [iteration("message", 100, 10), iteration("advisor_message", 40, 4, model="claude-opus-4-8")]
    reading = read({"input_tokens": 100, "output_tokens": 10, "iterations": iterations})
    assert reading.usage == TokenUsage(100, output=10)
    assert reading.other_models == (ModelUsage("claude-opus-4-8", TokenUsage(40, output=4)),)


@pytest.mark.parametrize("iterations", [5, "x", {}, [5, None], [{"type": 5}]])
def test_iterations_that_are_none_change_nothing(iterations: object) -> None:
    reading = read({"input_tokens": 100, "output_tokens": 10, "iterations": iterations})
    assert reading.usage == TokenUsage(100, output=10)
