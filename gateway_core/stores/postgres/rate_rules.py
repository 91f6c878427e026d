"""Rate rules as `guardrails.rate_rules` stores them: a list of [models, unit, requests, tokens]."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gateway_core.model.limits.guardrails import RateRule
from gateway_core.model.limits.rate_limits import RateUnit


def encode_rules(rules: Iterable[RateRule]) -> str:
    """Returns the rules as JSON text."""
    return json.dumps([[rule.models, rule.unit.name, rule.requests, rule.tokens] for rule in rules])


def decode_rules(stored: Iterable[Sequence[Any]]) -> tuple[RateRule, ...]:
    """Returns the rules of parsed JSON: the inverse of `encode_rules`."""
    return tuple(RateRule(models, RateUnit[unit], requests, tokens) for models, unit, requests, tokens in stored)
