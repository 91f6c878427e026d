"""Plans how many tokens of which kind a call uses, from the request alone and before anything is answered."""

import re
from dataclasses import dataclass

from mock_provider.controls import Controls

_BYTES_PER_TOKEN = 4
_INPUT_OVERHEAD_TOKENS = 3
_REASONING_MODEL = re.compile(
    r"(o[134]\b|gpt-[56]|gemini-(2\.5|[34])|deepseek-(flash|reasoner|v4)|grok-|claude-(fable|opus|sonnet)|.*gpt-oss)"
)


@dataclass(frozen=True, slots=True)
class Features:
    """The kinds of tokens that an endpoint has."""

    cache_read: bool = True
    cache_write: bool = False
    cache_write_1h: bool = False
    cache_write_by_default: bool = False
    tool_use: bool = False
    reasoning: bool = True
    output: bool = True


@dataclass(frozen=True, slots=True)
class Demand:
    """The size of a request."""

    model: str
    text_bytes: int
    fingerprint: bytes
    """At least 16 bytes derived from the text, the same for a streamed and an unstreamed call."""
    output_limit: int | None
    """The caller's limit per choice, in tokens."""
    choices: int
    """The number of choices returned."""
    generated: int
    """The number of choices generated and charged for; more than `choices` with `best_of`."""
    has_tools: bool


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """The tokens of one call, each counted once."""

    input_uncached: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    tool_use: int = 0
    visible: int = 0
    reasoning: int = 0
    truncated: bool = False
    """Whether the caller's output limit ended the answer."""

    @property
    def input_total(self) -> int:
        """Input tokens with cache reads and writes, without tool use."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def output_total(self) -> int:
        """Output tokens, reasoning included."""
        return self.visible + self.reasoning

    def counts(self) -> dict[str, int]:
        """The provider-neutral counts that the tally keeps, for comparison with a ledger."""
        return {
            "input_uncached": self.input_uncached + self.tool_use,
            "cache_read": self.cache_read,
            "cache_write_5m": self.cache_write_5m,
            "cache_write_1h": self.cache_write_1h,
            "output": self.output_total,
            "reasoning": self.reasoning,
        }


def plan_usage(demand: Demand, controls: Controls, features: Features) -> UsagePlan:
    """Plans the usage. Controls are used exactly; otherwise the usage follows the text and its fingerprint."""
    cache_read, write_5m, write_1h, total = _plan_input(demand, controls, features)
    visible, reasoning, truncated = _plan_output(demand, controls, features) if features.output else (0, 0, False)
    return UsagePlan(
        input_uncached=total - cache_read - write_5m - write_1h,
        cache_read=cache_read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        tool_use=_plan_tool_use(demand, controls) if features.tool_use else 0,
        visible=visible,
        reasoning=reasoning,
        truncated=truncated,
    )


def _plan_input(demand: Demand, controls: Controls, features: Features) -> tuple[int, int, int, int]:
    derived = demand.text_bytes // _BYTES_PER_TOKEN + _INPUT_OVERHEAD_TOKENS
    total = derived if controls.input_tokens is None else controls.input_tokens
    dice = demand.fingerprint[4] % 5
    writes = features.cache_write_by_default
    cache_read = _chosen(controls.cached_tokens, total // 2 if dice in (0, 3) else 0, known=features.cache_read)
    write_5m = _chosen(
        controls.cache_write_tokens, total // 4 if writes and dice in (1, 3) else 0, known=features.cache_write
    )
    write_1h = _chosen(
        controls.cache_write_1h_tokens, total // 8 if writes and dice in (2, 3) else 0, known=features.cache_write_1h
    )
    return cache_read, write_5m, write_1h, max(total, cache_read + write_5m + write_1h)


def _chosen(requested: int | None, derived: int, *, known: bool) -> int:
    if not known:
        return 0
    return derived if requested is None else requested


def _plan_tool_use(demand: Demand, controls: Controls) -> int:
    derived = 5 + demand.fingerprint[7] % 60 if demand.has_tools else 0
    return derived if controls.tool_use_tokens is None else controls.tool_use_tokens


def _plan_output(demand: Demand, controls: Controls, features: Features) -> tuple[int, int, bool]:
    fingerprint = demand.fingerprint
    visible = 12 + int.from_bytes(fingerprint[0:2]) % 200
    thinks = features.reasoning and _REASONING_MODEL.match(demand.model) is not None and fingerprint[2] % 2 == 0
    reasoning = 8 + fingerprint[3] % 120 if thinks else 0
    truncated = False
    if demand.output_limit is not None and visible + reasoning > demand.output_limit:
        truncated = True
        reasoning = min(reasoning, demand.output_limit // 2)
        visible = demand.output_limit - reasoning
    visible, reasoning = visible * demand.generated, reasoning * demand.generated
    if features.reasoning and controls.reasoning_tokens is not None:
        reasoning = controls.reasoning_tokens
    if controls.output_tokens is not None:
        reasoning = min(reasoning, controls.output_tokens)
        visible, truncated = controls.output_tokens - reasoning, False
    return visible, reasoning, truncated


def text_bytes_of(content: object) -> tuple[int, list[str]]:
    """Returns the bytes of text in a request's content, and its strings in a stable order. A token id counts as four bytes."""
    size = 0
    strings: list[str] = []
    pending: list[object] = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
            strings.append(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            if value and type(value[0]) is int:
                size += _BYTES_PER_TOKEN * len(value)
                strings.append(repr(value))
            else:
                pending.extend(value)
    return size, strings
