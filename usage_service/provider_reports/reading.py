"""The one reading of a report that settlement charges."""

import enum
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from operator import add

from gateway_core.model.catalog.token_usage import CATEGORIES, TokenUsage, token_counts
from gateway_core.model.record_decorator import record

_NOTHING = TokenUsage()


class Flag(enum.StrEnum):
    """What is wrong with a report. A flag never lowers a charge."""

    CONTRADICTORY_COUNTS = "contradictory_counts"
    """Counts that cannot all be true. The largest reading that explains them is charged."""
    UNREADABLE_COUNT = "unreadable_count"
    """A value that is not a token count: negative, fractional, not a number, or beyond any answer."""
    UNREADABLE_REPORT = "unreadable_report"
    """The report is not a JSON object."""
    UNNAMED_OUTPUT = "unnamed_output"
    """The total exceeds what the report names. The rest is charged as reasoning."""


@record(frozen=True, slots=True)
class ModelUsage:
    """What a step of the call used on a model of its own."""

    model: str
    """The provider's name of the model."""
    usage: TokenUsage


@record(frozen=True, slots=True)
class Reading:
    """What a report says. Counts that it does not contain are zero and not counted."""

    usage: TokenUsage = _NOTHING
    input_counted: bool = False
    """Whether the provider counted the input."""
    output_counted: bool = False
    """Whether the provider counted the whole output. If not, `usage` may contain a part of it."""
    total: int | None = None
    """All tokens, if the report names nothing but their total."""
    flags: frozenset[Flag] = frozenset()
    other_models: tuple[ModelUsage, ...] = ()
    """Usage of other models than the one that answered. It is not in `usage`."""

    @property
    def is_empty(self) -> bool:
        """Whether the provider counted nothing."""
        return not (self.input_counted or self.output_counted or self.total)


NOTHING_REPORTED = Reading()


def sum_of(usages: Iterable[TokenUsage]) -> TokenUsage:
    """Adds the tokens of usages. Uses of tools are not added, because a report counts them once for the whole call."""
    return reduce(_added, usages, _NOTHING)


def _added(one: TokenUsage, other: TokenUsage) -> TokenUsage:
    counts = map(add, token_counts(one), token_counts(other))
    return replace(_NOTHING, **dict(zip(CATEGORIES, counts, strict=True)))


class Notes:
    """The flags of a report while it is read."""

    __slots__ = ("_flags",)

    def __init__(self) -> None:
        self._flags: set[Flag] | None = None

    def add(self, flag: Flag) -> None:
        """Adds a flag."""
        if self._flags is None:
            self._flags = set()
        self._flags.add(flag)

    def flags(self) -> frozenset[Flag]:
        """Returns what was noted."""
        return frozenset(self._flags) if self._flags else _NO_FLAGS


_NO_FLAGS: frozenset[Flag] = frozenset()
