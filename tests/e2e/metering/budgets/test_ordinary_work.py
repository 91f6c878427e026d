"""Agents that name no output limit work undisturbed on a strict budget until it is nearly spent."""

import asyncio
import logging
import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.data.tenants import until_applied
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import Pause, Request, Script, json_answer

logger = logging.getLogger(__name__)

AGENTS = 50
MEAN_OUTPUT_TOKENS = 300
INPUT_TOKENS = 2_000
ANSWER_S = 0.05
# gpt-4o costs 2,500 nano-credits an input token and 10,000 an output token.
MEAN_COST_NANO_CREDITS = INPUT_TOKENS * 2_500 + MEAN_OUTPUT_TOKENS * 10_000
LONGEST_ANSWER = 16_384
CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * (INPUT_TOKENS * 4 // 5)}]}
MULTIPLES = [int(text) for text in os.environ.get("TEST_BUDGET_MULTIPLES", "2000").split(",")]


def lengths(seed: int) -> Iterator[int]:
    """Yields answer lengths in tokens: log-normal, so that one in a hundred is six times as long as the mean."""
    dice = random.Random(seed)
    middle = math.log(MEAN_OUTPUT_TOKENS) - 0.5
    while True:
        yield min(LONGEST_ANSWER, max(1, int(dice.lognormvariate(middle, 1.0))))


@dataclass
class Work:
    """What the agents' calls met while less than `until` of the budget was spent."""

    budget: int
    until: float = 0.9
    calls: int = 0
    cut: int = 0
    refused: int = 0
    spent: int = 0
    answers: Iterator[int] = field(default_factory=lambda: lengths(1))

    @property
    def is_early(self) -> bool:
        return self.spent < self.until * self.budget

    def answer(self, request: Request) -> Script:
        wanted = next(self.answers)
        limit = request.json.get("max_completion_tokens", LONGEST_ANSWER)
        given = min(wanted, limit)
        if self.is_early:
            self.cut += given < wanted
        self.spent += INPUT_TOKENS * 2_500 + given * 10_000
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": given, "total_tokens": INPUT_TOKENS + given}
        return [Pause(ANSWER_S), *json_answer({"id": "x", "usage": usage})]

    def note(self, reply: Reply) -> None:
        if self.is_early:
            self.calls += 1
            self.refused += reply.status != 200


async def work_until_spent(metering: Metering, work: Work) -> None:
    """Lets the agents call one after another until each is refused because the budget is exhausted."""

    async def agent() -> None:
        while True:
            reply = await metering.call(CALL)
            work.note(reply)
            if reply.status == 402:
                return
            await asyncio.sleep(1.0 if reply.status == 429 else 0)

    await asyncio.gather(*(agent() for _ in range(AGENTS)))


@pytest.mark.parametrize("multiple", MULTIPLES)
async def test_fewer_than_one_call_in_a_hundred_is_disturbed_until_90_percent_are_spent(
    metering: Metering, multiple: int
) -> None:
    """`TEST_BUDGET_MULTIPLES=500,2000,10000` with `--log-cli-level INFO` measures other budgets, in mean costs."""
    work = Work(multiple * MEAN_COST_NANO_CREDITS)
    metering.upstream.choose(work.answer)
    await metering.tenant.guard("member", "mia", budget_nano_credits=work.budget)
    await until_applied()
    await work_until_spent(metering, work)
    records = await metering.tenant.records()
    spent = sum(record["charge_nano_credits"] for record in records)
    logger.info(
        "%d costs: %d calls, %d cut, %d refused; %.1f %% spent",
        multiple, work.calls, work.cut, work.refused, 100 * spent / work.budget,
    )  # fmt: skip
    assert spent <= work.budget
    assert work.calls > 0.8 * multiple
    assert work.cut + work.refused < 0.01 * work.calls
