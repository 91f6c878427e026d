"""Normalizes the usage report of any dialect into one record of what a call consumed.

Conventions differ, and confusing them is the most common pricing fault of gateways. OpenAI includes cached tokens in
its input and reasoning in its output. Anthropic counts cache tokens in addition to its input. Gemini includes cached
tokens in its input, but counts thoughts in addition to its output and tool-use prompts in addition to its input. A
number that cannot be right (negative, fractional, a part above its whole) makes the report invalid; it is never
coerced.
"""

import enum
import json
from collections.abc import Mapping

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint

MAX_TOKEN_COUNT = 2**40


class UsageSource(enum.StrEnum):
    """Where the token counts of a record come from."""

    PROVIDER = "provider"
    ESTIMATED = "estimated"
    NONE = "none"


class InvalidUsageError(Exception):
    """The provider's usage report contradicts itself or contains a value that is not a token count."""


def usage_of_report(endpoint: Endpoint, report: Mapping[str, object]) -> TokenUsage | None:
    """Normalizes the facts that Envoy's module extracted from a response.

    Args:
        endpoint: the operation that was called.
        report: the extracted facts, by `UsageFact`. Usage is an object, its JSON text, or its leaves under dotted paths
            (`usage.prompt_tokens`).

    Returns:
        The usage, or None if the provider reported none.

    Raises:
        InvalidUsageError: the provider reported usage that cannot be right.
    """
    if endpoint is Endpoint.MESSAGES:
        return _anthropic(_object(report, UsageFact.START_USAGE), _object(report, UsageFact.USAGE))
    if endpoint is Endpoint.GENERATE_CONTENT:
        return _gemini(_object(report, UsageFact.USAGE_METADATA, "usageMetadata"))
    if endpoint is Endpoint.RESPONSES:
        usage = _object(report, UsageFact.RESPONSE_USAGE) or _object(report, UsageFact.USAGE)
        return _openai(usage, "input_tokens", "output_tokens", has_output=True)
    usage = _object(report, UsageFact.USAGE)
    return _openai(usage, "prompt_tokens", "completion_tokens", has_output=endpoint is not Endpoint.EMBEDDINGS)


def _openai(
    usage: Mapping[str, object] | None, input_field: str, output_field: str, *, has_output: bool
) -> TokenUsage | None:
    if usage is None or _is_absent(usage, input_field, output_field):
        return None
    if _is_absent(usage, "total_tokens"):
        # Without a total, nothing shows that a missing count is zero.
        _require(usage, input_field, *((output_field,) if has_output else ()))
    total_input = _count(usage, input_field)
    total_output = _count(usage, output_field)
    input_details = _details(usage, f"{input_field}_details")
    cached = _count(input_details, "cached_tokens")
    cache_write = _count(input_details, "cache_write_tokens")
    reasoning = _count(_details(usage, f"{output_field}_details"), "reasoning_tokens")
    total = _total(usage, "total_tokens", total_input + total_output, reasoning)
    # Some compatible servers (xAI, Google) count reasoning in addition to the output; their total shows it.
    beside = reasoning > 0 and total == total_input + total_output + reasoning
    return TokenUsage(
        input=_rest(total_input, cached + cache_write, f"cached tokens within {input_field}"),
        cache_read=cached,
        cache_write_5m=cache_write,
        output=total_output if beside else _rest(total_output, reasoning, f"reasoning tokens within {output_field}"),
        output_reasoning=reasoning,
    )


def _anthropic(start: Mapping[str, object] | None, last: Mapping[str, object] | None) -> TokenUsage | None:
    """Merges the usage of a stream: `message_start` reports the input, and the last cumulative `message_delta`
    overrides it.

    A JSON response takes the place of the `message_delta`.
    """
    if last is None or _is_absent(last, "output_tokens"):
        return None  # A stream cut off before its first message_delta: exact input, unknown output.
    merged = {**(start or {}), **{name: value for name, value in last.items() if value is not None}}
    _require(merged, "input_tokens")
    by_life = _details(merged, "cache_creation")
    one_hour = _count(by_life, "ephemeral_1h_input_tokens")
    created = _count(merged, "cache_creation_input_tokens")
    if _is_absent(merged, "cache_creation_input_tokens"):
        created = one_hour + _count(by_life, "ephemeral_5m_input_tokens")
    thinking = _count(_details(merged, "output_tokens_details"), "thinking_tokens")
    output = _count(merged, "output_tokens")
    return TokenUsage(
        input=_count(merged, "input_tokens"),
        cache_read=_count(merged, "cache_read_input_tokens"),
        cache_write_5m=_rest(created, one_hour, "1h cache tokens within cache_creation_input_tokens"),
        cache_write_1h=one_hour,
        output=_rest(output, thinking, "thinking tokens within output_tokens"),
        output_reasoning=thinking,
    )


def _gemini(usage: Mapping[str, object] | None) -> TokenUsage | None:
    if usage is None or _is_absent(usage, "promptTokenCount", "candidatesTokenCount"):
        return None  # A single absent count is zero, because the API omits zeros.
    cached = _count(usage, "cachedContentTokenCount")
    prompt = _count(usage, "promptTokenCount")
    tool_use = _count(usage, "toolUsePromptTokenCount")
    candidates = _count(usage, "candidatesTokenCount")
    thoughts = _count(usage, "thoughtsTokenCount")
    _total(usage, "totalTokenCount", prompt + candidates, thoughts, tool_use)
    return TokenUsage(
        input=_rest(prompt, cached, "cached tokens within promptTokenCount") + tool_use,
        cache_read=cached,
        output=candidates,
        output_reasoning=thoughts,
    )


def _object(report: Mapping[str, object], key: str, prefix: str | None = None) -> Mapping[str, object] | None:
    """Returns one object of a report; None if absent.

    A stream reports it as JSON text under `key`, a JSON response as leaves under `prefix.path`.
    """
    text = report.get(key)
    if text is None:
        return _leaves(report, f"{prefix or key}.")
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise InvalidUsageError(f"{key} is not JSON") from error
    if not isinstance(value, dict):
        raise InvalidUsageError(f"{key} is not an object")
    return value


def _leaves(report: Mapping[str, object], prefix: str) -> Mapping[str, object] | None:
    """Rebuilds an object from its dotted leaves. Envoy passes numbers as doubles, so whole ones become integers."""
    found: dict[str, object] = {}
    for path, value in report.items():
        if path.startswith(prefix):
            *parents, leaf = path.removeprefix(prefix).split(".")
            place = found
            for parent in parents:
                inner = place.setdefault(parent, {})
                if not isinstance(inner, dict):
                    raise InvalidUsageError(f"{parent} is both a value and an object")
                place = inner
            place[leaf] = int(value) if isinstance(value, float) and value.is_integer() else value
    return found or None


def _details(usage: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = usage.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidUsageError(f"{key} is not an object")
    return value


def _is_absent(usage: Mapping[str, object], *keys: str) -> bool:
    """Returns whether none of the keys has a value; null counts as absent."""
    return all(usage.get(key) is None for key in keys)


def _require(usage: Mapping[str, object], *keys: str) -> None:
    for key in keys:
        if _is_absent(usage, key):
            raise InvalidUsageError(f"{key} is missing")


def _total(usage: Mapping[str, object], key: str, sum_of_parts: int, *beside: int) -> int | None:
    """Returns the reported total; None if there is none.

    It must be the sum of the parts. Some servers omit the counts in `beside` from it.
    """
    if _is_absent(usage, key):
        return None
    total = _count(usage, key)
    sums = {sum_of_parts}
    for extra in beside:
        sums |= {known + extra for known in sums}
    if total not in sums:
        raise InvalidUsageError(f"{key} is not the sum of its parts")
    return total


def _count(usage: Mapping[str, object], key: str) -> int:
    value = usage.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKEN_COUNT:
        raise InvalidUsageError(f"{key} is not a token count")
    return value


def _rest(whole: int, part: int, what: str) -> int:
    if part > whole:
        raise InvalidUsageError(f"more {what} than there are")
    return whole - part


def estimated_usage(input_token_estimate: int, response_bytes: int, output_token_reserve: int) -> TokenUsage:
    """Estimates the usage of a call without a usage report: all of its input, and one token for every four response
    bytes.

    Four bytes are the usual length of a token of English text. The output never exceeds what the hold reserved.
    """
    return TokenUsage(input=input_token_estimate, output=min(-(-response_bytes // 4), output_token_reserve))
