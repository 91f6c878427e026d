"""The own keys of an organization, and which providers of a model they leave."""

from collections.abc import Sequence

import pytest

from gateway_core.model.calls.principals import OwnKey
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import parse_whitelist
from tests.support.data.examples import SCOPES, principal

KEEPS, ALLOWS = OwnKey("first", "ownkey-1"), OwnKey("first", "ownkey-1", gateway_fallback=True)
ALLOWS_TOO = OwnKey("second", "ownkey-2", gateway_fallback=True)


@pytest.mark.parametrize(
    ("keys", "providers", "expected"),
    [
        ((), ("first", "second"), ("first", "second")),
        ((KEEPS,), ("second", "third"), ("second", "third")),
        ((KEEPS,), ("second", "first"), ("first",)),
        ((ALLOWS,), ("second", "first"), ("second", "first")),
        ((KEEPS, ALLOWS_TOO), ("third", "second", "first"), ("first", "second")),
        ((KEEPS, ALLOWS_TOO), ("third", "second"), ("third", "second")),
    ],
)
def test_one_key_that_keeps_calls_leaves_only_places_with_own_keys(
    keys: tuple[OwnKey, ...], providers: Sequence[str], expected: Sequence[str]
) -> None:
    assert tuple(principal(own_keys=keys).providers_for(providers)) == tuple(expected)


def test_a_whitelist_cannot_open_a_place_that_an_own_key_closes() -> None:
    rail = Guardrail(SCOPES[0], model_whitelist=parse_whitelist(["second/model"]))
    assert principal({SCOPES[0]: rail}).may_call_any("model", ("first", "second"))
    assert not principal({SCOPES[0]: rail}, own_keys=(KEEPS,)).may_call_any("model", ("first", "second"))
    assert principal({SCOPES[0]: rail}, own_keys=(ALLOWS,)).may_call_any("model", ("first", "second"))
