"""Compares every refusal in every dialect with a golden file. `UPDATE_GOLDEN=1` writes the file again."""

import json
import os
from typing import Any

import pytest

from gateway_core.contract.errors import error_body, error_of
from gateway_core.model.calls.refusals import ExhaustedLimit, Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.support.repository import ROOT

GOLDEN = ROOT / "tests" / "golden" / "error_bodies.json"
CASES = [(reason, dialect) for reason in RefusalReason for dialect in Dialect]
LIMITS = (
    ExhaustedLimit(Scope(ScopeKind.MEMBER, "mia"), 2**60, 2**60 - 1, 1, 1_750_000_000),
    ExhaustedLimit(None, 5, 0, 5, None),
)
# The status of each reason (docs/reference/errors.md).
STATUSES = {
    401: {"missing_api_key", "invalid_api_key", "conflicting_api_keys", "key_disabled", "key_expired"},
    402: {"budget_exhausted", "credit_exhausted"},
    403: {
        "member_suspended",
        "organization_suspended",
        "personal_accounts_off",
        "ip_not_allowed",
        "model_not_allowed",
    },
    404: {
        "call_not_found",
        "endpoint_not_supported",
        "model_not_found",
        "model_without_price",
        "previous_response_not_found",
        "stored_object_not_found",
    },
    400: {"unreadable_body", "unsupported_content_type", "unsupported_content_encoding", "invalid_parameter"},
    429: {
        "budget_in_use",
        "rate_limited",
        "tokens_rate_limited",
        "too_many_concurrent_calls",
        "too_many_ratings",
    },
    503: {"dependency_unavailable"},
}


def refusal(reason: RefusalReason) -> Refusal:
    exhausted = reason in {RefusalReason.BUDGET_EXHAUSTED, RefusalReason.CREDIT_EXHAUSTED}
    return Refusal(
        reason,
        f"The message of {reason}: “quoted”.",
        parameter="model" if reason.startswith(("model_", "invalid_parameter")) else None,
        limits=LIMITS if exhausted else (),
    )


def rendered() -> dict[str, dict[str, Any]]:
    return {
        reason: {dialect: json.loads(error_body(error_of(refusal(reason)), dialect)) for dialect in Dialect}
        for reason in RefusalReason
    }


if os.environ.get("UPDATE_GOLDEN"):
    GOLDEN.write_text(json.dumps(rendered(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
EXPECTED: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("reason", "dialect"), CASES)
def test_the_body_equals_the_golden_file(reason: RefusalReason, dialect: Dialect) -> None:
    assert json.loads(error_body(error_of(refusal(reason)), dialect)) == EXPECTED[reason][dialect]


def test_the_golden_file_contains_nothing_else() -> None:
    assert EXPECTED.keys() == set(RefusalReason)
    assert all(bodies.keys() == set(Dialect) for bodies in EXPECTED.values())


@pytest.mark.parametrize("reason", RefusalReason)
def test_the_status_is_the_documented_one(reason: RefusalReason) -> None:
    assert [status for status, reasons in STATUSES.items() if reason in reasons] == [refusal(reason).status]


@pytest.mark.parametrize("reason", RefusalReason)
def test_only_refusals_that_may_pass_later_are_retryable(reason: RefusalReason) -> None:
    assert refusal(reason).should_retry == (refusal(reason).status in {429, 503})


@pytest.mark.parametrize(("reason", "dialect"), CASES)
def test_every_body_has_the_message_where_the_sdk_expects_it(reason: RefusalReason, dialect: Dialect) -> None:
    body = json.loads(error_body(error_of(refusal(reason)), dialect))
    assert body["error"]["message"] == refusal(reason).message
    assert reason.lower() in json.dumps(body).lower()


@pytest.mark.parametrize("dialect", Dialect)
def test_amounts_of_exhausted_limits_are_strings(dialect: Dialect) -> None:
    limits = json.loads(error_body(error_of(refusal(RefusalReason.BUDGET_EXHAUSTED)), dialect))["error"]["limits"]
    assert limits[0] == {
        "scope": "member",
        "id": "mia",
        "limit_nano_credits": str(2**60),
        "used_nano_credits": str(2**60 - 1),
        "held_nano_credits": "1",
        "reset_time_epoch_seconds": 1_750_000_000,
    }
    assert (limits[1]["scope"], limits[1]["id"]) == ("credit", None)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("scope", [Scope(ScopeKind.GROUP, "eng"), Scope(ScopeKind.ORGANIZATION, "acme"), None])
def test_a_body_states_no_figures_of_what_others_share(scope: Scope | None, dialect: Dialect) -> None:
    limit = ExhaustedLimit(scope, 111, 222, 333, 1_750_000_000)
    refused = Refusal(RefusalReason.BUDGET_EXHAUSTED, "Exhausted.", limits=(limit,))
    body = error_body(error_of(refused), dialect)
    assert "222" not in body
    assert "333" not in body
    assert ("111" in body) is (scope is not None)
