"""Limits of a guardrail as people write them. Pure."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from megarouter.admin.v1.messages import Guardrail, ModelWhitelist

from megarouter_admin.command_line.amounts import parse_credits

NONE: Final = "none"
"""What people write to remove a limit."""


class CycleChoice(enum.StrEnum):
    """How often a budget starts anew."""

    NEVER = "never"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ModeChoice(enum.StrEnum):
    """What becomes of calls that do not fit."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the command line says; an empty text is nothing said, `none` removes the limit."""

    budget: str = ""
    """In credits."""
    requests: str = ""
    tokens: str = ""
    concurrency: str = ""
    keys: str = ""
    seats: str = ""
    cycle: CycleChoice | None = None
    mode: ModeChoice | None = None
    models: Sequence[str] = ()


def change_of(limits: Limits) -> tuple[Guardrail, list[str]]:
    """The guardrail with its new values, and the fields to change.

    Raises:
        ValueError: a limit is none, or nothing was said.
    """
    changed, paths = Guardrail(), list[str]()
    numbers: dict[str, tuple[str, Callable[[str], int]]] = {
        "budget_nano_credits": (limits.budget, parse_credits),
        "requests_per_minute": (limits.requests, _whole_number),
        "tokens_per_minute": (limits.tokens, _whole_number),
        "concurrency_limit": (limits.concurrency, _whole_number),
        "key_limit": (limits.keys, _whole_number),
        "seat_limit": (limits.seats, _whole_number),
    }
    for field, (text, parse) in numbers.items():
        if text:
            paths.append(field)
        if text not in {"", NONE}:
            setattr(changed, field, parse(text))
    if limits.cycle:
        paths.append("cycle")
        changed.cycle = Guardrail.Cycle.Value(f"CYCLE_{limits.cycle.name}")
    if limits.mode:
        paths.append("mode")
        changed.mode = Guardrail.Mode.Value(f"MODE_{limits.mode.name}")
    if limits.models:
        paths.append("model_whitelist")
    if limits.models and list(limits.models) != [NONE]:
        changed.model_whitelist.CopyFrom(ModelWhitelist(entries=limits.models))
    if not paths:
        raise ValueError("nothing to set: give a limit; --help shows them")
    return changed, sorted(paths)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no whole number, and not `{NONE}` either")
    return int(text)
