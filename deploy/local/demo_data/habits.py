"""How the people and service accounts of the demo company call: when, which models, and with how many tokens."""

import enum
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from gateway_core.model.endpoints import Endpoint


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A kind of call, compared by identity. Token counts are medians."""

    model: str
    """The public name in the catalog."""
    endpoint: Endpoint
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached: float = 0.0
    """The share of the input that a repeated prompt reads from the cache."""
    streamed: float = 0.0
    """The share of calls that stream."""
    tokens_per_s: float = 90.0


class Hours(enum.Enum):
    """When a caller works, in the organization's time zone."""

    OFFICE = enum.auto()
    ALWAYS = enum.auto()
    NIGHTLY = enum.auto()
    MONTHLY = enum.auto()
    """A batch in the night to the first of each month."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How a caller works."""

    hours: Hours
    calls_per_day: float
    """Relative to others."""
    uses: tuple[Use, ...]
    cumulative: tuple[float, ...]
    """Weights of the uses, added up."""
    weekend: float = 0.04
    """The share of a working day's calls."""


_CHAT = Use("gpt-4o-mini", Endpoint.CHAT_COMPLETIONS, 900, 260, streamed=0.9)
_CHAT_5 = Use("gpt-5-mini", Endpoint.CHAT_COMPLETIONS, 1_300, 350, 200, cached=0.2, streamed=0.8)
_REASON = Use("gpt-5.2", Endpoint.CHAT_COMPLETIONS, 3_000, 600, 1_500, streamed=0.5, tokens_per_s=70)
_CODE = Use("claude-sonnet-5", Endpoint.MESSAGES, 14_000, 500, cached=0.85, streamed=0.95, tokens_per_s=75)
_CODE_HARD = Use("claude-opus-5-5", Endpoint.MESSAGES, 18_000, 700, cached=0.85, streamed=0.95, tokens_per_s=55)
_QUICK = Use("claude-haiku-4-5", Endpoint.MESSAGES, 1_200, 180, tokens_per_s=150)
_READ = Use("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, 6_000, 400, 300, streamed=0.4, tokens_per_s=180)
_TRANSLATE = Use("mistral-small-2603", Endpoint.CHAT_COMPLETIONS, 700, 500)
_EMBED = Use("text-embedding-3-small", Endpoint.EMBEDDINGS, 450, 0)
_JUDGE = Use("gpt-4o", Endpoint.CHAT_COMPLETIONS, 1_500, 150)
RUNAWAY: Final = Use("claude-sonnet-5", Endpoint.MESSAGES, 30_000, 900, cached=0.9, tokens_per_s=75)
"""What an agent in a loop sends: its whole history, each time longer."""
STOLEN: Final = Use("claude-opus-5-5", Endpoint.MESSAGES, 3_000, 1_600, streamed=0.9, tokens_per_s=55)
SMALL: Final = _CHAT


def _habit(hours: Hours, calls: float, *weighed: tuple[float, Use], weekend: float = 0.04) -> Habit:
    weights, uses = zip(*weighed, strict=True)
    return Habit(hours, calls, uses, tuple(accumulate(weights)), weekend)


CODERS: Final = _habit(
    Hours.OFFICE, 9.0, (55, _CODE), (6, _CODE_HARD), (20, _CHAT_5), (9, _REASON), (10, _CHAT), weekend=0.10
)
RESEARCHERS: Final = _habit(
    Hours.OFFICE, 7.0, (25, _REASON), (25, _READ), (25, _CODE), (15, _EMBED), (10, _JUDGE), weekend=0.12
)
DESK: Final = _habit(Hours.OFFICE, 4.0, (50, _CHAT), (20, _CHAT_5), (15, _READ), (10, _TRANSLATE), (5, _REASON))
LEARNERS: Final = _habit(Hours.OFFICE, 1.5, (70, _CHAT), (30, _READ))
ONE_MODEL: Final = _habit(Hours.OFFICE, 3.0, (1, _CHAT))

HABITS_OF_ACCOUNTS: Final = (
    ("sa-support-triage", "Support triage", "frontline", _habit(Hours.ALWAYS, 170.0, (90, _QUICK), (10, _TRANSLATE), weekend=0.7)),
    ("sa-code-review", "Code review", "product", _habit(Hours.OFFICE, 60.0, (70, _CODE), (30, _CHAT_5))),
    ("sa-search-index", "Search index", "data", _habit(Hours.NIGHTLY, 260.0, (1, _EMBED), weekend=1.0)),
    ("sa-evaluation", "Nightly evaluation", "evaluation", _habit(Hours.NIGHTLY, 60.0, (60, _JUDGE), (40, _QUICK), weekend=1.0)),
    ("sa-release-notes", "Release notes", "mobile", _habit(Hours.OFFICE, 2.0, (1, _READ))),
    ("sa-lead-scoring", "Lead scoring", "americas", _habit(Hours.ALWAYS, 45.0, (70, _CHAT), (30, _EMBED), weekend=0.4)),
    ("sa-monthly-report", "Monthly report", "finance", _habit(Hours.MONTHLY, 700.0, (60, _READ), (40, _CHAT))),
)  # fmt: skip
"""Id, name, group and habit of each service account."""
