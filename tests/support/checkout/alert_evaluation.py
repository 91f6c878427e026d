"""Evaluates alert rules as Prometheus does, as far as tests need it: selectors, `max by`, and equality with a number."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import promql_parser

Labels = frozenset[tuple[str, str]]
Vector = Mapping[Labels, float]
"""Values by labels; the name of the metric is the label `__name__`."""


def firing_minutes(rule: Mapping[str, Any], samples: Sequence[Vector]) -> list[int]:
    """Returns the minutes in which a rule fires for some labels.

    Args:
        rule: with `for` in minutes.
        samples: what is scraped, once a minute.
    """
    parsed, wait_minutes = promql_parser.parse(rule["expr"]), int(str(rule["for"]).removesuffix("m"))
    since: dict[Labels, int] = {}
    firing = []
    for minute, vector in enumerate(samples):
        found = _evaluate(parsed, vector)
        since = {labels: since.get(labels, minute) for labels in found}
        if any(minute - begun >= wait_minutes for begun in since.values()):
            firing.append(minute)
    return firing


def _evaluate(node: Any, vector: Vector) -> Vector:
    if isinstance(node, promql_parser.VectorSelector):
        return {labels: value for labels, value in vector.items() if dict(labels)["__name__"] == node.name}
    if isinstance(node, promql_parser.AggregateExpr) and str(node.op) == "max" and node.modifier is not None:
        kept = node.modifier.labels
        grouped: dict[Labels, float] = {}
        for labels, value in _evaluate(node.expr, vector).items():
            key = frozenset(pair for pair in labels if pair[0] in kept)
            grouped[key] = max(grouped.get(key, value), value)
        return grouped
    if isinstance(node, promql_parser.BinaryExpr) and isinstance(node.rhs, promql_parser.NumberLiteral):
        if str(node.op) != "==":
            raise NotImplementedError(str(node))
        return {labels: value for labels, value in _evaluate(node.lhs, vector).items() if value == node.rhs.val}
    raise NotImplementedError(str(node))


def scraped(
    name: str, values: Mapping[tuple[str, str], float], labels: Sequence[str]
) -> Iterator[tuple[Labels, float]]:
    """Yields samples of a metric by the values of its labels."""
    for of, value in values.items():
        yield frozenset((("__name__", name), *zip(labels, of, strict=True))), value
