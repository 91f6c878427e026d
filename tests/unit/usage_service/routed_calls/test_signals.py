"""What of a finished call says something of the quality of its answer."""

import pytest

from usage_service.routed_calls.signals import signals_of
from usage_service.settlement.charge_decision import SettlementDetail


@pytest.mark.parametrize(
    ("facts", "detail", "signals"),
    [
        ({}, "completed", []),
        ({"ending": "length"}, "completed", ["truncated"]),
        ({"ending": "refused"}, "completed", ["refused"]),
        ({"ending": "length"}, "client_disconnected", ["truncated", "abandoned"]),
        ({}, "client_disconnected", ["abandoned"]),
        ({}, "provider_error", ["failed"]),
        ({}, "provider_timeout", ["failed"]),
        ({}, "provider_reset", ["failed"]),
        ({}, "provider_unavailable", ["failed"]),
        ({}, "usage_omitted", []),
        ({"ending": "something new"}, "completed", []),
        ({"ending": 7}, "completed", []),
    ],
)
def test_each_call_has_the_signals_of_how_it_ended(facts: dict[str, object], detail: str, signals: list[str]) -> None:
    assert signals_of(facts, SettlementDetail(detail)) == signals
