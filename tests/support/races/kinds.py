"""One kind of racing calls: what callers send, what the call may cost, and the answer that costs the most."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.mixed_calls.tally import PriceList, Tally, Used
from tests.support.races.reports import report
from tests.support.servers.scripted_upstream import Request, Script, json_answer

Tokens = Mapping[str, int]
Uses = Mapping[str, int]

BUDGETED_CALLS = 8
"""The budget of a race is what this many of the dearest answers cost."""


@dataclass(frozen=True)
class Stored:
    """Something that the provider has stored, and how many tokens it is known to have."""

    kind: str
    object_id: str
    tokens: int | None = None


@dataclass(frozen=True)
class Size:
    """What a call uses of its model: tokens by category, and fees by name."""

    tokens: Tokens
    fees: Uses = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """Calls of one kind.

    `expected` and `most` are written down from the documentation of holds, not taken from the gateway's code.
    """

    model: str
    path: str
    body: Mapping[str, Any]
    expected: Size
    """What the call is expected to use, which a balanced budget reserves."""
    most: Size
    """The most that it can use, which a strict budget reserves."""
    choices: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    stored: tuple[Stored, ...] = ()
    service: Mapping[str, str] = field(default_factory=dict)
    answering: str | None = None
    """The model that answers, if it is not the one called."""

    def expected_nano_credits(self, prices: PriceList) -> int:
        return prices.charge(self._tally(self.expected.tokens, self.expected.fees))

    def most_nano_credits(self, prices: PriceList) -> int:
        return prices.charge(self._tally(self.most.tokens, self.most.fees))

    def budget_nano_credits(self, prices: PriceList) -> int:
        return BUDGETED_CALLS * self.most_nano_credits(prices)

    def bound_nano_credits(self, prices: PriceList, calls: int) -> int:
        """Returns by how much this many balanced calls at once may exceed the budget.

        Each call that runs adds at most its maximum minus its estimate, and the estimates of those that run fit the budget.
        """
        expected = self.expected_nano_credits(prices)
        running = min(calls, self.budget_nano_credits(prices) // expected)
        return running * (self.most_nano_credits(prices) - expected)

    def dearest_answer(self, request: Request) -> Script:
        """Returns the answer that costs the most, within the output limit that the gateway may have written."""
        limit = output_limit(request.json)
        tokens = dict(self.most.tokens)
        if limit is not None:
            output = "output_image" if "output_image" in tokens else "output"
            rounds = max(1, tokens[output] // (self._longest * self.choices)) if self._longest else 1
            tokens[output] = min(tokens[output], limit * self.choices * rounds)
        return json_answer(report(self.path, self._tally(tokens, self.most.fees), self.answering or self.model))

    @property
    def _longest(self) -> int:
        return output_limit(self.body) or self.most.tokens.get("output", 0) // self.choices

    def _tally(self, tokens: Tokens, fees: Uses) -> Tally:
        return Tally(Used(self.answering or self.model, tokens), fees=fees, service=self.service)


def output_limit(body: Mapping[str, Any]) -> int | None:
    """Returns the output limit of each choice that a body names."""
    places = (body, body.get("generationConfig", {}))
    names = ("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens")
    return next((int(place[name]) for place in places for name in names if place.get(name) is not None), None)


def size_of(body: Mapping[str, Any]) -> int:
    """Returns how many bytes a body has on the wire."""
    return len(json.dumps(body).encode())


def a_quarter_of(count: int) -> int:
    """Returns the usual tokens of so many bytes of text."""
    return -(-count // 4)
