"""Reads and writes the limits of a guardrail as people write them. Pure."""

import enum
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import Guardrail, ModelWhitelist

from megarouter_admin.command_line.values.amounts import budget_text, format_credits, parse_credits

ON: Final = "on"
NONE: Final = "none"
"""What people write to remove a limit."""

_MODEL_OPTIONS: Final = "a cycle such as `daily`, `soft=80%`, `soft-only` or `rollover=on`"

RATE_UNITS: Final[dict[str, Guardrail.RateLimit.Unit.ValueType]] = {
    "second": Guardrail.RateLimit.UNIT_SECOND,
    "minute": Guardrail.RateLimit.UNIT_MINUTE,
    "hour": Guardrail.RateLimit.UNIT_HOUR,
    "day": Guardrail.RateLimit.UNIT_DAY,
}
_RATE: Final = re.compile(r"(?:(?P<models>[^=]+)=)?(?P<number>[0-9]{1,12})(?P<tokens>tokens)?/(?P<unit>[a-z]+)")


class CycleChoice(enum.StrEnum):
    """How often a budget resets."""

    NEVER = "never"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ModeChoice(enum.StrEnum):
    """What happens to calls that exceed a limit."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


_CYCLES: Final = frozenset(choice.value for choice in CycleChoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits as given on the command line. An empty text leaves a limit unchanged; `none` removes it."""

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
    model_budgets: Sequence[str] = ()
    """Each is `MODELS=CREDITS`, then options."""
    soft: str = ""
    """When the budget is reported: `80%`, or credits."""
    soft_only: bool = False
    """Whether calls beyond the budget pass."""
    rollover: str = ""
    """The most that is carried over: `on` for one cycle's budget, or credits."""
    rates: Sequence[str] = ()
    """Each is `[MODELS=]N/UNIT` for requests, or `[MODELS=]Ntokens/UNIT` for tokens."""


def change_of(limits: Limits) -> tuple[Guardrail, list[str]]:
    """Returns a guardrail with the new values, and the names of the fields to change.

    Raises:
        ValueError: a limit is malformed, or no limit was given.
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
    paths += _set_budgets(changed, limits)
    if limits.mode:
        paths.append("mode")
        changed.mode = Guardrail.Mode.Value(f"MODE_{limits.mode.name}")
    if limits.models:
        paths.append("model_whitelist")
    if limits.models and list(limits.models) != [NONE]:
        changed.model_whitelist.CopyFrom(ModelWhitelist(entries=limits.models))
    if limits.rates:
        paths.append("rate_limits")
    if limits.rates and list(limits.rates) != [NONE]:
        changed.rate_limits.extend(parse_rates(limits.rates))
    if not paths:
        raise ValueError("nothing to set: give a limit; --help lists them")
    return changed, sorted(paths)


def _set_budgets(changed: Guardrail, limits: Limits) -> list[str]:
    """Sets the further properties of budgets. Returns the names of the fields to change."""
    paths = []
    if limits.model_budgets:
        paths.append("model_budgets")
    if limits.model_budgets and list(limits.model_budgets) != [NONE]:
        changed.model_budgets.extend(map(parse_model_budget, limits.model_budgets))
    if limits.rollover:
        paths.append("rollover")
        changed.rollover.CopyFrom(rollover_of(limits.rollover))
    if limits.soft or limits.soft_only:
        paths.append("soft_budget")
        changed.soft_budget.CopyFrom(soft_budget_of(limits.soft, soft_only=limits.soft_only))
    return paths


def rollover_of(text: str) -> Guardrail.Rollover:
    """Reads what is carried over: `on`, an amount in credits, or `none`.

    Raises:
        ValueError: the text has another form.
    """
    if text in {ON, NONE}:
        return Guardrail.Rollover(enabled=text == ON)
    return Guardrail.Rollover(enabled=True, cap_nano_credits=parse_credits(text))


def format_rollover(rollover: Guardrail.Rollover) -> str:
    """Formats the most that is carried over; empty if nothing is."""
    if not rollover.enabled:
        return ""
    most = format_credits(rollover.cap_nano_credits) if rollover.HasField("cap_nano_credits") else "one budget"
    return f"at most {most}"


def parse_model_budget(text: str) -> Guardrail.ModelBudget:
    """Reads a budget for some models, such as `openai/*=50` or `openai/*=50,daily,soft=80%,rollover=on`.

    Raises:
        ValueError: the text has another form.
    """
    models, equals, rest = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a budget for some models: write `openai/*=50` or `{NONE}`")
    amount, *options = rest.split(",")
    budget = Guardrail.ModelBudget(models=models, budget_nano_credits=parse_credits(amount))
    for option in options:
        name, _, value = option.partition("=")
        if name in _CYCLES and "=" not in option:
            budget.cycle = Guardrail.Cycle.Value(f"CYCLE_{name.upper()}")
        elif name == "soft" and value:
            budget.soft_budget.MergeFrom(soft_budget_of(value, soft_only=False))
        elif option == "soft-only":
            budget.soft_budget.soft_only = True
        elif name == "rollover" and value:
            budget.rollover.CopyFrom(rollover_of(value))
        else:
            raise ValueError(f"{option!r} is no option of a budget for some models: write {_MODEL_OPTIONS}")
    return budget


def format_model_budget(budget: Guardrail.ModelBudget) -> str:
    """Formats the amount of a budget for some models, what is carried into it, and its options."""
    shown = [budget_text(budget.budget_nano_credits + budget.carried_nano_credits, budget.carried_nano_credits)]
    if budget.cycle:
        shown[0] += f" {Guardrail.Cycle.Name(budget.cycle).removeprefix('CYCLE_').lower()}"
    soft = format_soft_budget(budget.soft_budget)
    shown += [f"{soft}{' (reached)' if budget.soft_budget_reached else ''}"] if soft else []
    carries = format_rollover(budget.rollover)
    return ", ".join([*shown, *([f"carries over {carries}"] if carries else [])])


def soft_budget_of(text: str, *, soft_only: bool) -> Guardrail.SoftBudget:
    """Reads when a budget is reported: `80%`, an amount in credits, or `none`.

    Raises:
        ValueError: the text has another form.
    """
    soft = Guardrail.SoftBudget(soft_only=soft_only)
    if text.endswith("%"):
        soft.percent = _whole_number(text[:-1])
    elif text not in {"", NONE}:
        soft.amount_nano_credits = parse_credits(text)
    return soft


def format_soft_budget(soft: Guardrail.SoftBudget) -> str:
    """Formats when a budget is reported, and whether it refuses nothing; empty if neither."""
    shown = [f"at {soft.percent}%"] if soft.HasField("percent") else []
    shown += [f"at {format_credits(soft.amount_nano_credits)}"] if soft.HasField("amount_nano_credits") else []
    return ", ".join([*shown, *(["refuses nothing"] if soft.soft_only else [])])


def temporary_of(limits: Limits, end_time: Timestamp) -> Guardrail.TemporaryLimit:
    """Returns the temporary limit with these values.

    Raises:
        ValueError: a limit is malformed or removes one, or no limit was given.
    """
    changed, paths = change_of(limits)
    temporary = Guardrail.TemporaryLimit(end_time=end_time)
    for path in paths:
        if not changed.HasField(path):  # type: ignore[arg-type] # one of its fields
            raise ValueError(f"a limit for a while is a number, not `{NONE}`")
        setattr(temporary, path, getattr(changed, path))
    return temporary


def format_temporary(limit: Guardrail.TemporaryLimit) -> list[str]:
    """Formats each limit that a temporary limit sets, such as `100.00 credits` and `600 requests/min`."""
    shown = [f"{format_credits(limit.budget_nano_credits)} credits"] if limit.HasField("budget_nano_credits") else []
    shown += [f"{limit.requests_per_minute:,} requests/min"] if limit.HasField("requests_per_minute") else []
    shown += [f"{limit.tokens_per_minute:,} tokens/min"] if limit.HasField("tokens_per_minute") else []
    shown += [f"{limit.concurrency_limit:,} concurrent"] if limit.HasField("concurrency_limit") else []
    return shown


def parse_rates(texts: Iterable[str]) -> list[Guardrail.RateLimit]:
    """Reads rate limits such as `1000/day`, `openai/*=100/hour` and `openai/*=50000tokens/minute`.

    The request and token limits for the same models and unit become one message.

    Raises:
        ValueError: a text has another form.
    """
    found: dict[tuple[str, int], Guardrail.RateLimit] = {}
    for text in texts:
        match = _RATE.fullmatch(text)
        if match is None or match["unit"] not in RATE_UNITS:
            raise ValueError(
                f"{text!r} is not a rate: write `1000/day`, `openai/*=100/hour` or `openai/*=50000tokens/minute`"
            )
        models, unit = match["models"] or "", RATE_UNITS[match["unit"]]
        rate = found.setdefault((models, unit), Guardrail.RateLimit(models=models, unit=unit))
        setattr(rate, "tokens" if match["tokens"] else "requests", int(match["number"]))
    return list(found.values())


def format_rate(rate: Guardrail.RateLimit) -> str:
    """Formats a rate limit in the form that `parse_rates` reads."""
    models = f"{rate.models}=" if rate.models else ""
    unit = next(name for name, value in RATE_UNITS.items() if value == rate.unit)
    numbers = [f"{rate.requests}"] if rate.HasField("requests") else []
    numbers += [f"{rate.tokens}tokens"] if rate.HasField("tokens") else []
    return ", ".join(f"{models}{number}/{unit}" for number in numbers)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is not a whole number or `{NONE}`")
    return int(text)
