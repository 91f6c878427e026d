"""Reads the counters of a call from Redis, or from PostgreSQL if Redis lacks them. It changes none of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg

from admin_service.resources.guardrails.explanations import counted_budgets
from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from gateway_core.model.calls.call_limits import CountedBudget
from gateway_core.model.calls.principals import Principal
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.rate_limits import RateCounter, RateUnit, merge_demands
from gateway_core.model.limits.request_limits import demands_of, rate_limits_of
from gateway_core.model.limits.throttles import ThrottleKind, ThrottleLimit, throttles_of
from gateway_core.stores.postgres.hold_store import SpendStore
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, throttle_key
from gateway_core.stores.redis.pipelined import ScriptClient
from gateway_core.stores.redis.scripts import WINDOWS, script_source

_PER_KEY: Final = 3
_MINUTE: Final = str(RateUnit.MINUTE.slice_us)


class LiveCounterReader:
    """Reads the live counters of any principal in one round trip to Redis."""

    def __init__(self, redis: ScriptClient, pool: asyncpg.Pool) -> None:
        self._peek = redis.register_script(script_source("peek.lua", WINDOWS))
        self._store = SpendStore(pool)

    async def read(
        self, principal: Principal, needed_tokens: int, now_epoch_s: float, clock: PeriodClock
    ) -> LiveCounters:
        """Returns what counts now.

        Args:
            principal: who would make the call.
            needed_tokens: tokens per minute that the call would reserve. They determine how long it would have to wait.
            now_epoch_s: decides the periods of the budgets.
            clock: computes the periods.

        Raises:
            the errors in the `UNAVAILABLE` of the PostgreSQL and Redis `connections` modules.
        """
        organization = principal.organization
        budgets = counted_budgets(principal, now_epoch_s, clock)
        counters = list(dict.fromkeys(counter for budget in budgets for counter in _counters_of(budget)))
        names = [counter.encode() for counter in counters]
        throttles = throttles_of(principal.guardrails)
        rates = merge_demands(demands_of(rate_limits_of(principal.guardrails), organization))
        # Read before Redis: unless Redis was restored from an old snapshot, its pool has counted at least as many placements.
        floor = await self._store.highest_placement(organization)
        keys = [pool_key(organization), holds_key(organization), *(counter_key(organization, name) for name in names)]
        arguments = [str(floor), str(len(names))]
        for limit in throttles:
            keys.append(throttle_key(organization, limit.throttle.encode()))
            needed = needed_tokens if limit.throttle.kind is ThrottleKind.TOKENS else 1
            arguments += [limit.throttle.kind, str(limit.limit), str(needed), _MINUTE]
        for rate in rates:
            keys.append(rate.counter.key())
            arguments += ["requests", str(rate.limit), str(rate.hits), str(rate.counter.unit.slice_us)]
        answer = await self._peek(keys=keys, args=arguments)
        parts = [answer[start : start + _PER_KEY] for start in range(0, len(answer), _PER_KEY)]
        pool, spend = parts[0], parts[1 : 1 + len(names)]
        usages = [_usage(part) for part in parts[1 + len(names) :]]
        spent = {
            counter: await self._spend_of(organization, counter.encode(), part, pool[0])
            for counter, part in zip(counters, spend, strict=True)
        }
        carried, coming = await self._carried(organization, budgets, spent)
        return LiveCounters(
            pool=await self._pool_of(organization, pool),
            spend=spent,
            carried=carried,
            coming=coming,
            throttles={
                limit.throttle: usage or await self._open_calls(organization, limit, now_epoch_s)
                for limit, usage in zip(throttles, usages, strict=False)
            },
            requests={
                rate.counter: usage or Usage()
                for rate, usage in zip(rates, usages[len(throttles) :], strict=True)
                if isinstance(rate.counter, RateCounter)
            },
        )

    async def _carried(
        self, organization: str, budgets: Sequence[CountedBudget], spent: Mapping[Counter, Spend]
    ) -> tuple[Mapping[Counter, int], Mapping[Counter, int]]:
        """Returns what is carried into the period of each counter, and what open calls keep from it."""
        carried, coming = dict[Counter, int](), dict[Counter, int]()
        for budget in budgets:
            if budget.previous is None:
                continue
            carry = await self._store.carry(organization, budget.counter.encode(), budget.previous.encode())
            before = spent[budget.previous]
            settled, held = before.settled_nano_credits, before.held_nano_credits
            carried[budget.counter] = carry.carried(settled + held)
            coming[budget.counter] = carry.carried(settled) - carried[budget.counter]
        return carried, coming

    async def _open_calls(self, organization: str, limit: ThrottleLimit, now_epoch_s: float) -> Usage:
        _, open_holds = await self._store.open_calls(organization, limit.throttle.scope)
        return Usage(sum(expires_epoch_s > now_epoch_s for expires_epoch_s in open_holds.values()))

    async def _pool_of(self, organization: str, part: Sequence[str | None]) -> Spend:
        generation, balance, held = part
        if generation is not None:
            return Spend(int(balance or 0), int(held or 0))
        snapshot = await self._store.pool_snapshot(organization)
        return Spend(snapshot.balance, sum(snapshot.open_holds.values()))

    async def _spend_of(
        self, organization: str, name: str, part: Sequence[str | None], generation: str | None
    ) -> Spend:
        settled, held, seeded_for = part
        if generation is not None and seeded_for == generation:
            return Spend(int(settled or 0), int(held or 0))
        snapshot = await self._store.counter_snapshot(organization, name)
        return Spend(snapshot.settled, sum(snapshot.open_holds.values()))


def _counters_of(budget: CountedBudget) -> Iterable[Counter]:
    return (budget.counter,) if budget.previous is None else (budget.counter, budget.previous)


def _usage(part: Sequence[int | None]) -> Usage | None:
    """Returns None if Redis does not know the counter."""
    used, wait_us, reset_us = part
    if used is None or wait_us is None:
        return None
    return Usage(int(used), None if wait_us < 0 else int(wait_us), int(reset_us or 0))
