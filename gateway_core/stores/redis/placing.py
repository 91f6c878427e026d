"""Placing holds. Concurrent calls of an organization share one command, which reads and writes their common keys once."""

import sys
import zlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Claims, Hold
from gateway_core.model.calls.placements import (
    BusyThrottle,
    ExhaustedCounter,
    Missing,
    OutputCut,
    Placed,
    PlacedBefore,
    Placement,
    Refused,
    Taken,
    TokensLeft,
    Withdrawn,
)
from gateway_core.model.catalog.reserves import OutputShare
from gateway_core.model.limits.soft_budgets import PercentOfBudget
from gateway_core.model.record_decorator import record
from gateway_core.stores.redis.gathering import Gathering
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, refusals_keys, throttle_key, withdrawal_key
from gateway_core.stores.redis.pipelined import ScriptClient
from gateway_core.stores.redis.scripts import AMOUNTS, DECISIONS, OPEN_HOLDS, WINDOWS, script_source

_NEVER: Final = -1
_SKIPPED: Final = "skipped"
_PER_LIMIT: Final = 5
"""The number of values that a refusal has for each limit."""

Answer = int | Sequence[str | int]


@dataclass(frozen=True, slots=True)
class PlacingTerms:
    """What the placements of all calls with the same terms share, in the form that `place.lua` takes."""

    keys: tuple[str, ...]
    """Keys of the counters, then of the throttles."""
    limits: tuple[str, ...]
    """The limit of each counter, after `w`, its soft threshold and `:` if it has one."""
    throttles: tuple[tuple[str, str, str], ...]
    """For each throttle: kind, limit, index of its counter."""
    reset_epoch_s: tuple[int | None, ...]
    """When the period of each counter ends, in epoch seconds; None for never."""
    fingerprint: int = 0
    """The same for the same claims, and almost certainly another one for others."""
    previous: tuple[str | None, ...] = ()
    """For each counter whose budget carries over, the encoded counter of the period before; empty if none does."""


def placing_terms(claims: Claims, limits: Limits) -> PlacingTerms:
    """Returns the terms of a placement. Most of their texts are equal for many keys, and are interned."""
    scopes = [counter.scope for counter in claims.counters]
    keys = [counter_key(claims.organization, counter.encode()) for counter in claims.counters]
    keys += (throttle_key(claims.organization, throttle.encode()) for throttle in claims.throttles)
    shadows = limits.shadows
    texts = tuple(_limit(limit, scope in shadows) for limit, scope in zip(limits.budgets, scopes, strict=True))
    if limits.soft_thresholds:
        texts = tuple(map(_with_threshold, texts, limits.soft_thresholds))
    return PlacingTerms(
        keys=tuple(map(sys.intern, keys)),
        limits=texts,
        throttles=tuple(
            (throttle.kind, _limit(limit, throttle.scope in shadows), str(scopes.index(throttle.scope) + 1))
            for throttle, limit in zip(claims.throttles, limits.throttles, strict=True)
        ),
        reset_epoch_s=limits.reset_epoch_s,
        fingerprint=zlib.crc32(_comparable(claims).encode()),
        previous=tuple(counter.encode() if counter else None for counter in limits.previous),
    )


def _comparable(claims: Claims) -> str:
    """Returns what a settlement and the audit read of the claims."""
    names = (claims.organization, claims.member, claims.api_key, *claims.group_path)
    model = (claims.endpoint, claims.requested_model, claims.provider, claims.served_model, claims.price_version)
    return repr((names, model, claims.encoded_counters, claims.encoded_throttles))


@record(frozen=True, slots=True)
class Rung:
    """A hold that a call may get."""

    terms: PlacingTerms
    hold: Hold
    share: OutputShare | None = None
    degrade_at_percent: int | None = None
    """If an enforced budget would be used by more than that afterward, the next rung is tried. None for the last one."""


@record(frozen=True, slots=True)
class _Asked:
    """A call that requests one of the holds of its ladder, which have the same id, counters and throttles."""

    rungs: Sequence[Rung]
    floor: int
    attempt: int


class Placing:
    """Places holds in one Redis."""

    def __init__(self, client: ScriptClient) -> None:
        self._script = client.register_script(script_source("place.lua", AMOUNTS, WINDOWS, OPEN_HOLDS, DECISIONS))
        self._gathering: Gathering[_Asked, Placement] = Gathering(self._send)

    def place(self, rungs: Sequence[Rung], floor: int, attempt: int = 0) -> Awaitable[Placement]:
        """Returns a future of the placement of the first hold that fits. The future raises the errors of Redis.

        With a `share`, a hold may be placed with less than its amount, and with an output limit. `attempt` says on whose
        behalf: the hold stays until every attempt that placed it has released it.

        Raises:
            NotSentError: too many calls of the organization are waiting.
        """
        return self._gathering.ask(rungs[0].hold.claims.organization, _Asked(rungs, floor, attempt))

    async def _send(self, organization: str, calls: Sequence[_Asked]) -> Sequence[Placement]:
        keys, arguments = _command(organization, calls)
        generation, *answers = await self._script(keys=keys, args=arguments)
        found, position = [], 0
        for asked in calls:
            of_call = answers[position : position + len(asked.rungs)]
            position += len(asked.rungs)
            found.append(_first_of(of_call, generation, len(asked.rungs[0].terms.limits)))
        return found


def _first_of(answers: Sequence[Answer], generation: str, counter_count: int) -> Placement:
    """Returns the placement of the rung that was not skipped."""
    if len(answers) == 1:
        return _placement(answers[0], generation, counter_count)
    rung = next(number for number, answer in enumerate(answers) if isinstance(answer, int) or answer[0] != _SKIPPED)
    placement = _placement(answers[rung], generation, counter_count)
    return replace(placement, rung=rung) if isinstance(placement, Placed) else placement


def _command(organization: str, calls: Sequence[_Asked]) -> tuple[list[str], list[str | int]]:
    """Returns the keys and arguments of `place.lua`."""
    places: dict[str, int] = {}
    floor = 0
    arguments: list[str | int] = []
    rungs = [(rung, asked) for asked in calls for rung in asked.rungs]
    for rung, asked in rungs:
        hold, terms = rung.hold, rung.terms
        floor = max(floor, asked.floor)
        arguments += (
            hold.hold_id,
            hold.amount_nano_credits,
            -(-hold.expires_epoch_us // 10**6),
            hold.input_tokens + hold.output_tokens,
            "" if rung.share is None else _encode_share(rung.share),
            hold.placed_epoch_us,
            terms.fingerprint,
            asked.attempt,
            "" if rung.degrade_at_percent is None else rung.degrade_at_percent,
            len(terms.limits),
            len(terms.throttles),
        )
        limits = _carrying(organization, terms, places) if terms.previous else terms.limits
        for key, limit in zip(terms.keys, limits, strict=False):
            arguments += (places.setdefault(key, len(places) + 1), limit)
        if terms.throttles:
            arguments += _throttle_arguments(terms, places)
    withdrawals = [withdrawal_key(organization, rung.hold.hold_id, asked.attempt) for rung, asked in rungs]
    keys = [pool_key(organization), holds_key(organization), *refusals_keys(organization), *withdrawals, *places]
    return keys, [floor, len(rungs), *arguments]


def _carrying(organization: str, terms: PlacingTerms, places: dict[str, int]) -> list[str]:
    """Returns the limits with the place of the counter from which each carries over."""
    limits = []
    for limit, previous in zip(terms.limits, terms.previous, strict=True):
        if previous is None or not limit:
            limits.append(limit)
        else:
            place = places.setdefault(counter_key(organization, previous), len(places) + 1)
            limits.append(f"r{place}:{limit}")
    return limits


def _encode_share(share: OutputShare) -> str:
    return f"{share.base_nano_credits}:{share.token_price_nano_credits}:{share.least_tokens}:{share.most_tokens}"


def _throttle_arguments(terms: PlacingTerms, places: dict[str, int]) -> list[str | int]:
    arguments: list[str | int] = []
    for key, throttle in zip(terms.keys[len(terms.limits) :], terms.throttles, strict=True):
        arguments += (places.setdefault(key, len(places) + 1), *throttle)
    return arguments


def _limit(limit: int | None, shadow: bool) -> str:  # noqa: FBT001
    if limit is None:
        return ""
    return sys.intern(f"s{limit}" if shadow else str(limit))


def _with_threshold(limit: str, threshold: int | PercentOfBudget | None) -> str:
    if isinstance(threshold, PercentOfBudget):
        return sys.intern(f"w{threshold.budget_nano_credits}%{threshold.percent}:{limit}")
    return limit if threshold is None else sys.intern(f"w{threshold}:{limit}")


def _placement(answer: Answer, generation: str, counter_count: int) -> Placement:
    if isinstance(answer, int):
        return Placed(answer, generation)
    kind, *rest = answer
    if kind == "placed":
        number, cut, tokens_left, shadows = int(rest[0]), None, None, rest[1:]
        soft_reached: tuple[int, ...] = ()
        before = None
        if shadows and shadows[0] == "before":
            before, shadows = PlacedBefore(int(shadows[1]), int(shadows[2])), shadows[3:]
        if shadows and shadows[0] == "limit":
            cut, shadows = OutputCut(int(shadows[1]), int(shadows[2])), shadows[3:]
        if shadows and shadows[0] == "tokens":
            index, remaining, reset_us = map(int, shadows[1:4])
            tokens_left, shadows = TokensLeft(index - 1 - counter_count, remaining, reset_us), shadows[4:]
        if shadows and shadows[0] == "reached":
            last = 2 + int(shadows[1])
            soft_reached, shadows = tuple(int(index) - 1 for index in shadows[2:last]), shadows[last:]
        shadow_refusals = tuple(sorted(int(index) - 1 for index in shadows))
        return Placed(number, generation, shadow_refusals, tokens_left, cut, soft_reached, before)
    if kind == "withdrawn":
        return Withdrawn()
    if kind == "taken":
        return Taken()
    if kind == "missing":
        indexes = [int(index) for index in rest[1:]]
        return Missing(
            pool=0 in indexes,
            counters=tuple(index - 1 for index in indexes if 0 < index <= counter_count),
            edition=str(rest[0]),
            throttles=tuple(index - 1 - counter_count for index in indexes if index > counter_count),
            previous=tuple(sorted({-1 - index for index in indexes if index < 0})),
        )
    parts = [tuple(map(int, rest[start : start + _PER_LIMIT])) for start in range(0, len(rest), _PER_LIMIT)]
    return _refused(parts, counter_count)


def _refused(parts: Sequence[tuple[int, ...]], counter_count: int) -> Refused:
    exhausted = [
        ExhaustedCounter(index - 1 if index else None, settled, held, carried, coming)
        for index, settled, held, carried, coming in parts
        if index <= counter_count
    ]
    busy = [
        BusyThrottle(index - 1 - counter_count, used, None if wait == _NEVER else wait, reset)
        for index, used, wait, reset, _ in parts
        if index > counter_count
    ]
    in_order = sorted(exhausted, key=lambda counter: (counter.index is None, counter.index or 0))
    return Refused(tuple(in_order), tuple(busy))
