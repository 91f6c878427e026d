"""Usage in Anthropic's form.

It counts cache reads and writes beside the input, and thinking inside the output. A stream reports the input in
`message_start` and cumulative counts in `message_delta`. Iterations that the totals leave out, such as compactions and
advisors, are only in `iterations`, each perhaps with a model of its own.
"""

from dataclasses import replace
from typing import Final

from gateway_core.model.catalog.token_usage import TokenUsage
from usage_service.provider_reports.counts import Counts, rest_of
from usage_service.provider_reports.reading import Flag, ModelUsage, Notes, Reading, sum_of

_OWN_ITERATION: Final = "message"
_INPUT_FIELDS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_LIFE_FIELDS: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_NOTHING: Final = TokenUsage()


def read_anthropic(start: Counts | None, last: Counts | None, notes: Notes) -> Reading | None:
    """Reads the usage of a stream or, with `last` alone, of a JSON answer; returns None if nothing was counted.

    Args:
        start: the usage in `message_start`.
        last: the usage in the last `message_delta`, or in the JSON answer.
        notes: receives what is wrong.
    """
    first, later = _input_of(start), _input_of(last)
    output = last.get("output_tokens") if last else None
    if not first and not later and output is None:
        return None
    begun = start.of("output_tokens") if start else 0
    thinking = last.inside("output_tokens_details").of("thinking_tokens") if last else 0
    usage = _usage(_merged(first, later, notes), max(output or 0, begun), thinking, notes)
    iterations = (last.listed("iterations") if last else []) or (start.listed("iterations") if start else [])
    other_models: tuple[ModelUsage, ...] = ()
    if iterations:
        usage, other_models = _with_iterations(usage, iterations, notes)
    return Reading(
        usage=usage,
        input_counted=bool(first or later),
        output_counted=output is not None,
        other_models=other_models,
    )


def _input_of(usage: Counts | None) -> dict[str, int]:
    """Returns the counts of the input that are present, by field."""
    if usage is None:
        return {}
    found = {name: count for name in _INPUT_FIELDS if (count := usage.get(name)) is not None}
    by_life = usage.inside("cache_creation")
    if by_life.values:
        found |= {name: count for name in _LIFE_FIELDS if (count := by_life.get(name)) is not None}
    return found


def _merged(first: dict[str, int], later: dict[str, int], notes: Notes) -> dict[str, int]:
    """Returns the cumulative counts. A later zero overrides nothing, because some servers leave the input out at the end."""
    if not first:
        return later
    merged = first | {name: count for name, count in later.items() if count}
    if sum(merged.get(name, 0) for name in _INPUT_FIELDS) < sum(first.get(name, 0) for name in _INPUT_FIELDS):
        notes.add(Flag.CONTRADICTORY_COUNTS)
        return {name: max(first.get(name, 0), merged[name]) for name in merged}
    return merged


def _usage(counts: dict[str, int], output: int, thinking: int, notes: Notes) -> TokenUsage:
    """Splits cache writes by their lifetimes, and thinking from the rest of the output.

    Five minutes is the default lifetime. A rest beside a named five-minute part is therefore of the other one.
    """
    created = counts.get("cache_creation_input_tokens", 0)
    five_minutes, one_hour = (counts.get(name, 0) for name in _LIFE_FIELDS)
    rest = created - five_minutes - one_hour
    if rest < 0 and created:
        notes.add(Flag.CONTRADICTORY_COUNTS)
    if rest > 0:
        if five_minutes and one_hour:
            notes.add(Flag.CONTRADICTORY_COUNTS)
        if five_minutes:
            one_hour += rest
        else:
            five_minutes = rest
    return TokenUsage(
        input=counts.get("input_tokens", 0),
        cache_read=counts.get("cache_read_input_tokens", 0),
        cache_write_5m=five_minutes,
        cache_write_1h=one_hour,
        output=rest_of(output, thinking, notes),
        output_reasoning=thinking,
    )


def _with_iterations(
    total: TokenUsage, iterations: list[Counts], notes: Notes
) -> tuple[TokenUsage, tuple[ModelUsage, ...]]:
    """Returns the usage of the answering model with all its iterations, and that of other models.

    The total covers the iterations of the answer itself. If it already is the sum of all, nothing is added to it.
    """
    own: list[TokenUsage] = []
    beside: list[tuple[str | None, TokenUsage]] = []
    for iteration in iterations:
        used = _iteration(iteration, notes)
        if (iteration.text("type") or _OWN_ITERATION) == _OWN_ITERATION:
            own.append(used)
        else:
            beside.append((iteration.text("model"), used))
    own_sum, beside_sum = sum_of(own), sum_of(used for _, used in beside)
    everything = sum_of((own_sum, beside_sum))
    covers_all = (total.total_input, total.total_output) == (everything.total_input, everything.total_output)
    main = own_sum if covers_all else _larger(total, own_sum, notes)
    others = tuple(ModelUsage(model, used) for model, used in beside if model)
    return sum_of((main, *(used for model, used in beside if not model))), others


def _iteration(iteration: Counts, notes: Notes) -> TokenUsage:
    output = iteration.of("output_tokens")
    thinking = iteration.inside("output_tokens_details").of("thinking_tokens")
    return _usage(_input_of(iteration), output, thinking, notes)


def _larger(total: TokenUsage, own: TokenUsage, notes: Notes) -> TokenUsage:
    """Returns for input and output what is larger. Both should be the same."""
    if (total.total_input, total.total_output) == (own.total_input, own.total_output):
        return total
    if own != _NOTHING:
        notes.add(Flag.CONTRADICTORY_COUNTS)
    inputs = total if total.total_input >= own.total_input else own
    outputs = total if total.total_output >= own.total_output else own
    return replace(inputs, output=outputs.output, output_reasoning=outputs.output_reasoning)
