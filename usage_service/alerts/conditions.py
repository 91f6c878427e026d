"""Decides what to tell about conditions: when one begins, and when it ends. Pure.

A condition is what one rule sees of something that is so or is not: seats that reached a threshold, a provider that fails. It is
told once while it lasts. When it ends, it is armed again, in its next epoch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway_core.model.alerts.crossings import Key, State
from gateway_core.model.alerts.rules import Place, Rule
from usage_service.alerts.events import Happening

Told = tuple[Rule, Happening]
"""What a rule tells about."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one rule sees of something that is so or is not."""

    rule: Rule
    occasion: str
    threshold: str
    place: Place
    holds: bool | None
    """None: it stays as it was."""
    begins: str
    """The type of event that tells of it."""
    ends: str | None
    """The type that tells of its end; None if nothing does."""
    severity: str
    details: Mapping[str, object]
    rank: int = 0
    """Of those of one rule and occasion that begin in one step, only the highest is told; of those that end, the lowest."""
    sequence: int | None = None
    hold_id: str | None = None

    @property
    def key(self) -> Key:
        """Where its state is stored."""
        return (self.rule.rule_id, self.occasion, self.threshold)


def decide_conditions(
    conditions: Iterable[Condition], known: Mapping[Key, State]
) -> tuple[Sequence[Told], Mapping[Key, State]]:
    """Returns what to tell, and the states that changed."""
    changed: dict[Key, State] = {}
    begun: dict[tuple[str, str], tuple[Condition, int]] = {}
    ended: dict[tuple[str, str], tuple[Condition, int]] = {}
    for one in conditions:
        state = known.get(one.key, State())
        if one.holds is None or one.holds == state.is_reached:
            continue
        subject = one.key[:2]
        changed[one.key] = State(state.epoch + (not one.holds), is_reached=one.holds)
        if one.holds and (subject not in begun or begun[subject][0].rank < one.rank):
            begun[subject] = (one, state.epoch)
        elif not one.holds and one.ends and (subject not in ended or ended[subject][0].rank > one.rank):
            ended[subject] = (one, state.epoch)
    told = [_told(one, epoch, one.begins, one.severity, one.threshold) for one, epoch in begun.values()]
    told += [_told(one, epoch, str(one.ends), "INFO", f"ended {one.threshold}") for one, epoch in ended.values()]
    return [(rule, happening) for rule, happening in told if happening.event_type in rule.event_types], changed


def _told(one: Condition, epoch: int, event_type: str, severity: str, threshold: str) -> Told:
    happening = Happening(
        event_type, severity, one.place, one.occasion, one.details, threshold, epoch, one.sequence, one.hold_id
    )
    return one.rule, happening
