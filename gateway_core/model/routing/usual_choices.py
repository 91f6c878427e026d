"""The choice that most calls of a plan get, without judging every candidate for each of them.

Often one good candidate is cheaper than all others and than the baseline, whatever the size of the call. Then a call that fits
both and is in no special situation needs no costs. `choose` decides all others, and would decide these alike.
"""

from collections.abc import Sequence
from typing import Final

from gateway_core.model.record_decorator import record
from gateway_core.model.routing.choice import Arm, Choice, Reason
from gateway_core.model.routing.conversations import Before, Conversation
from gateway_core.model.routing.judging import FITS, Contender, Costs, Judged, Plan
from gateway_core.model.routing.policies import RoutingMode

_CLEARLY_LESS: Final = 2_000_000
"""In nano-credits per million tokens. An answer of one token is then cheaper by two, and no rounding of the input is as much."""


@record(frozen=True, slots=True, eq=False)
class UsualChoice:
    """The cheapest good candidate of a plan, and the choices in which it serves."""

    costs: Costs
    of_baseline: Costs
    holdout_percent: int
    cheapest: Choice
    kept: Choice
    """For a conversation in the middle of something."""
    held_out: Choice
    kept_held_out: Choice

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Those that `find` returns."""
        return self.cheapest, self.kept, self.held_out, self.kept_held_out

    def find(
        self,
        tokens: tuple[int, int],
        output_limit: int | None,
        conversation: Conversation,
        before: Before | None,
    ) -> Choice | None:
        """Returns the choice about a call; None if it takes a comparison.

        Args:
            tokens: how many the input has as a rule, and at most.
            output_limit: that of the body.
            conversation: that of the call.
            before: what was chosen for it before.
        """
        limit, costs, baseline = output_limit or 0, self.costs, self.of_baseline
        if (
            tokens[1] + min(limit, costs.most_output_tokens) > costs.window_tokens
            or tokens[0] + min(limit, baseline.most_output_tokens) > baseline.window_tokens
            or conversation.is_stalled
        ):
            return None
        is_kept = False
        if before is not None:
            if before.model == costs.name:
                is_kept = conversation.is_unfinished
            elif before.warm_tokens or conversation.is_unfinished:
                return None
        if conversation.is_held_out(self.holdout_percent):
            return self.kept_held_out if is_kept else self.held_out
        return self.kept if is_kept else self.cheapest


def usual_choice(plan: Plan) -> UsualChoice | None:
    """Returns the choice that most calls of a plan get; None if each call takes a comparison."""
    policy = plan.policy
    baseline = plan.contenders[plan.baseline] if plan.baseline is not None else None
    contenders = [one for one in plan.contenders if not isinstance(one, Judged)]
    if (
        policy.mode is RoutingMode.OFF
        or plan.virtual.is_switched_off
        or plan.is_returned
        or (policy.degrade_at_percent is not None and policy.mode is RoutingMode.LIVE)
        or plan.dearest
        or baseline is None
        or isinstance(baseline, Judged)
        or any(one.scored for one in contenders)
    ):
        return None
    good = [one for one in contenders if one.verdict is FITS]
    winner = next((one for one in good if _wins(one, good)), None)
    if winner is None or winner is baseline:
        return None
    served = baseline if policy.mode is RoutingMode.SHADOW else winner
    arm = Arm.SHADOW if policy.mode is RoutingMode.SHADOW else Arm.ROUTED
    # Nothing is held out where the baseline serves anyway.
    apart = Arm.SHADOW if policy.mode is RoutingMode.SHADOW else Arm.HOLDOUT
    chosen = winner.costs.name

    def choice(served: Contender, arm: Arm, reason: Reason) -> Choice:
        return Choice(served.costs.name, chosen, arm, reason, is_simple=True, can_compare=True)

    return UsualChoice(
        costs=winner.costs,
        of_baseline=baseline.costs,
        holdout_percent=policy.holdout_percent,
        cheapest=choice(served, arm, Reason.CHEAPEST),
        kept=choice(served, arm, Reason.KEPT),
        held_out=choice(baseline, apart, Reason.CHEAPEST),
        kept_held_out=choice(baseline, apart, Reason.KEPT),
    )


def _wins(one: Contender, good: Sequence[Contender]) -> bool:
    return all(one is other or _is_cheaper(one.costs, other.costs) for other in good)


def _is_cheaper(one: Costs, other: Costs) -> bool:
    """Returns whether every call costs less with one model than with the other, also if the one has cached some of the input."""
    rates, others = one.rates, other.rates
    return (
        one.long_above_tokens is None
        and other.long_above_tokens is None
        and one.usual_output_tokens == other.usual_output_tokens
        and rates.output + _CLEARLY_LESS <= others.output
        and rates.input <= others.input
        and rates.cache_write <= others.cache_write
        and rates.cache_read <= min(rates.input, rates.cache_write)
    )
