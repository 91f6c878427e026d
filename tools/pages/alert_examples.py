"""An example of the data of each type of alert event. A test checks them against the schemas."""

from collections.abc import Mapping
from typing import Any, Final

from gateway_core.model.alerts import event_types as types

_ACME: Final = "organizations/acme"
_ORGANIZATION: Final = {"name": _ACME, "displayName": "Acme"}
_TEAM: Final = {"name": f"{_ACME}/groups/team-a", "displayName": "Team A"}
_ALICE: Final = {"name": f"{_ACME}/members/alice", "displayName": "Alice"}
_KEY: Final = {"name": f"{_ACME}/apiKeys/key-1", "displayName": "Research notebook"}
_PROOF: Final = {"ledgerPosition": "4711", "call": f"{_ACME}/calls/hold-01abc"}
_PERIOD: Final = {"periodStartTime": "2026-11-01T00:00:00Z", "periodEndTime": "2026-12-01T00:00:00Z"}
_BUDGET: Final = {"limitNanoCredits": "2000000000000", "cycle": "MONTHLY", "models": None, **_PERIOD}
_OF_BUDGET: Final = {
    "scope": _TEAM,
    "budget": _BUDGET,
    "threshold": {"percent": 90, "amountNanoCredits": "1800000000000"},
    "spentNanoCredits": "1800400000000",
    "proof": None,
}
_CHANGED: Final = {
    "actor": {"name": f"{_ACME}/members/sue", "displayName": "Sue"},
    "auditLogEntry": f"{_ACME}/auditLogEntries/815",
}
_CALLS: Final = {"scope": _KEY, "calls": {"refused": "130", "all": "400", "minutes": 5}}
_LOW: Final = {"credit": {"leftNanoCredits": "70000000000", "daysLeft": 6, "lowAtDays": 7}, "proof": None}
_PROVIDER: Final = {"provider": "openai", "callCount": "100", "failedCount": "64", "failedPercent": 64}
_ACCOUNT: Final = {"provider": "openai", "reason": "billing", "proof": _PROOF}
_OF_CALL: Final = {"provider": "openai", "day": "2026-11-03", "chargeNanoCredits": "12500000", "proof": _PROOF}
_SUMMARY: Final = {
    "scope": _TEAM,
    **_PERIOD,
    "spentNanoCredits": "1640000000000",
    "callCount": "81234",
    "spentBeforeNanoCredits": "1480000000000",
    "topModels": [{"model": "gpt-4o", "spentNanoCredits": "1100000000000"}],
    "topMembers": [{**_ALICE, "spentNanoCredits": "640000000000"}],
}

_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    types.THRESHOLD_REACHED: {
        **_OF_BUDGET,
        "proof": {
            **_PROOF,
            "spentBeforeNanoCredits": "1799900000000",
            "spentAfterNanoCredits": "1800400000000",
        },
    },
    types.EXHAUSTED: _OF_BUDGET,
    types.RECOVERED: _OF_BUDGET,
    types.BUDGET_RESET: {"scope": _TEAM, "budget": _BUDGET},
    types.SPEND_REACHED: {
        "scope": _TEAM,
        "threshold": {"amountNanoCredits": "500000000000"},
        "spentNanoCredits": "500100000000",
        **_PERIOD,
    },
    types.SEATS_REACHED: {"seats": {"used": "45", "limit": "50"}, "threshold": {"percent": 90}},
    types.SEATS_RECOVERED: {"seats": {"used": "49", "limit": "50"}, "threshold": {"percent": 100}},
    types.KEYS_REACHED: {"scope": _ALICE, "keys": {"used": "4", "limit": "5"}, "threshold": {"percent": 80}},
    types.KEYS_RECOVERED: {"scope": _ALICE, "keys": {"used": "4", "limit": "5"}, "threshold": {"percent": 100}},
    types.CALLS_REFUSED: _CALLS,
    types.CALLS_ADMITTED: _CALLS,
    types.CREDIT_LOW: _LOW,
    types.CREDIT_RECOVERED: _LOW,
    types.CREDIT_EXHAUSTED: {"credit": {"leftNanoCredits": "12000"}},
    types.CREDIT_RESTORED: {"credit": {"leftNanoCredits": "500000012000"}},
    types.CREDIT_TOPPED_UP: {
        "credit": {"leftNanoCredits": "500000012000"},
        "amountNanoCredits": "500000000000",
        "reason": "Invoice 2026-11",
        "proof": {"ledgerPosition": "4712"},
    },
    types.KEY_CREATED: {"scope": _KEY, **_CHANGED},
    types.KEY_DISABLED: {"scope": _KEY, **_CHANGED},
    types.KEY_DELETED: {"scope": _KEY, **_CHANGED},
    types.KEY_EXPIRING: {"scope": _KEY, "expireTime": "2026-11-10T00:00:00Z"},
    types.KEY_UNUSED: {"scope": _KEY, "days": 90, "lastUseTime": "2026-08-05T09:12:44Z"},
    types.MEMBER_JOINED: {"scope": _ALICE, **_CHANGED},
    types.MEMBER_REMOVED: {"scope": _ALICE, **_CHANGED},
    types.INVITE_USED: {**_CHANGED, "invite": {"name": f"{_ACME}/invites/inv-1", "useCount": 1, "maxUses": 5}},
    types.GUARDRAIL_CHANGED: {"scope": _TEAM, **_CHANGED, "changedFields": ["budgetNanoCredits", "cycle"]},
    types.ANOMALY_FOUND: {
        "scope": _ALICE,
        "anomaly": f"{_ACME}/anomalies/a-1",
        "startTime": "2026-11-02T00:00:00Z",
        "endTime": "2026-11-03T00:00:00Z",
        "spentNanoCredits": "91000000000",
        "expectedNanoCredits": "12000000000",
        "highestUsualNanoCredits": "20000000000",
    },
    types.USAGE_UNCONFIRMED: _OF_CALL,
    types.USAGE_DOUBTFUL: {**_OF_CALL, "kinds": ["implausible_size"]},
    types.ACCOUNT_REFUSED: _ACCOUNT,
    types.ACCOUNT_ACCEPTED: _ACCOUNT,
    types.PROVIDER_DOWN: _PROVIDER,
    types.PROVIDER_RECOVERED: {**_PROVIDER, "failedCount": "3", "failedPercent": 3},
    types.WEEKLY_SUMMARY: _SUMMARY,
    types.MONTHLY_SUMMARY: _SUMMARY,
    types.MONTHLY_SAVINGS: {
        **_PERIOD,
        "savedNanoCredits": "1840000000000",
        "baselineNanoCredits": "4600000000000",
        "callCount": "48000",
        "unknownCallCount": "12",
        "simple": {"savedNanoCredits": "1840000000000", "baselineNanoCredits": "2960000000000", "callCount": "31000"},
        "complex": {"savedNanoCredits": "0", "baselineNanoCredits": "1640000000000", "callCount": "17000"},
    },
    types.ROUTING_RETURNED: {
        "virtualModel": f"{_ACME}/virtualModels/vm-01abc",
        "modelName": "assistant",
        "useCase": "contracts",
        "measure": "troubled",
        "routedCount": "5124",
        "routedBadCount": "1025",
        "heldOutCount": "268",
        "heldOutBadCount": "27",
        "lossBasisPoints": 965,
        "lossBasisPointsLow": 233,
        "allowedLossBasisPoints": 100,
        "returnTime": "2026-11-30T14:05:00Z",
    },
}


def example_of(event_type: str) -> Mapping[str, Any]:
    """Returns the data of an example."""
    return {
        "version": 1,
        "severity": "INFO" if event_type in types.ENDS else "WARNING",
        "organization": _ACME,
        "rule": f"{_ACME}/notificationRules/rule-01abc",
        "scope": _ORGANIZATION,
        **_PARTS[event_type],
    }
