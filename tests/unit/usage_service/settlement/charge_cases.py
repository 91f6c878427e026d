"""Reports of calls, and how each is settled."""

import json
from dataclasses import dataclass, replace
from typing import Any

from gateway_core.model.calls.holds import Claims, Hold, HoldState
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.endpoints import Endpoint
from tests.support.data.example_hold import with_changes
from usage_service.settlement.charge_decision import CallReport, Resolution, SettlementDetail, UsageSource, resolve
from usage_service.settlement.report_pricing import Terms

MODEL = Model.model_validate(
    {
        "name": "acme-1",
        "provider": "acme",
        "upstream_name": "acme-1",
        "endpoints": [one for one in Endpoint if one in one.offered_with and one is not Endpoint.GENERATE_CONTENT],
        "context_window_tokens": 100_000,
        "max_output_tokens": 10_000,
        "default_output_reserve_tokens": 1_000,
    }
)
# One nano-credit per input token and ten per output token keep sums readable.
SCHEDULE = PriceSchedule.model_validate(
    {"version": 1, "effective_date": "2026-01-01", "prices": {"input": 10**6, "output": 10**7}}
)
HOLD = Hold(
    hold_id="hold-1",
    claims=Claims(
        organization="acme",
        group_path=(),
        member="mia",
        api_key="key-1",
        endpoint=Endpoint.CHAT_COMPLETIONS,
        streams=False,
        requested_model="acme-1",
        provider="acme",
        served_model="acme-1",
        price_version=1,
        counters=(),
    ),
    amount_nano_credits=600,
    input_tokens=100,
    output_tokens=50,
    placed_epoch_us=0,
    expires_epoch_us=1,
)
REPORT = CallReport(
    token="v1.payload.signature",
    facts={},
    http_status=200,
    flags=frozenset(),
    details="via_upstream",
    upstream_host="192.0.2.1:443",
    attempts=1,
    request_bytes=400,
    response_bytes=80,
    duration_ms=10,
    time_to_first_byte_ms=5,
    request_id="request-1",
    trace_id=None,
    traceparent=None,
)
STREAM = {"streams": True}
TEXT = {"delivered_bytes": 80}
ANTHROPIC = {"endpoint": Endpoint.MESSAGES, "streams": True}
START = json.dumps({"input_tokens": 30, "cache_read_input_tokens": 5, "output_tokens": 1})


def usage_fact(input_tokens: int = 40, output_tokens: int = 20, **others: Any) -> dict[str, object]:
    return {"usage": json.dumps({"prompt_tokens": input_tokens, "completion_tokens": output_tokens, **others})}


def settle(hold: dict[str, Any] | None = None, **report: Any) -> Resolution:
    report["flags"] = frozenset(report.get("flags", ()))
    terms = Terms(with_changes(HOLD, **(hold or {})), MODEL, SCHEDULE)
    return resolve(terms, replace(REPORT, **report))


@dataclass(frozen=True)
class Case:
    """A report and its expected resolution."""

    name: str
    report: dict[str, Any]
    expected: tuple[HoldState, UsageSource, SettlementDetail, int]
    hold: dict[str, Any] | None = None


def provider(detail: SettlementDetail, charge: int = 240) -> tuple[HoldState, UsageSource, SettlementDetail, int]:
    return HoldState.SETTLED, UsageSource.PROVIDER, detail, charge


def estimated(detail: SettlementDetail, charge: int) -> tuple[HoldState, UsageSource, SettlementDetail, int]:
    return HoldState.SETTLED, UsageSource.ESTIMATED, detail, charge


def free(detail: SettlementDetail) -> tuple[HoldState, UsageSource, SettlementDetail, int]:
    return HoldState.SETTLED, UsageSource.NONE, detail, 0


def voided(detail: SettlementDetail) -> tuple[HoldState, UsageSource, SettlementDetail, int]:
    return HoldState.VOIDED, UsageSource.NONE, detail, 0


D = SettlementDetail
INPUT = 100  # charge of the hold's whole input estimate
ANSWER = 200  # charge of 80 bytes, estimated as 20 tokens

CASES = [
    # The provider reported usage.
    Case("a complete call", {"facts": usage_fact()}, provider(D.COMPLETED)),
    Case("usage above the hold is not clipped", {"facts": usage_fact(400, 200)}, provider(D.COMPLETED, 2_400)),
    Case("zero usage costs nothing", {"facts": usage_fact(0, 0)}, provider(D.COMPLETED, 0)),
    Case("the caller left after usage", {"facts": usage_fact(), "flags": {"DC"}}, provider(D.CLIENT_DISCONNECTED)),
    Case(
        "an HTTP/2 caller left after usage", {"facts": usage_fact(), "flags": {"DR"}}, provider(D.CLIENT_DISCONNECTED)
    ),
    Case("the provider disconnected after usage", {"facts": usage_fact(), "flags": {"UC"}}, provider(D.PROVIDER_RESET)),
    Case("the stream went idle after usage", {"facts": usage_fact(), "flags": {"SI"}}, provider(D.PROVIDER_TIMEOUT)),
    Case("an error that reports usage", {"facts": usage_fact(), "http_status": 500}, provider(D.PROVIDER_ERROR)),
    # No provider was called.
    Case(
        "the rate limit refused",
        {"http_status": 429, "flags": {"RL"}, "upstream_host": None, "details": "request_rate_limited"},
        voided(D.RATE_LIMITED),
    ),
    Case(
        "the rewriter refused",
        {"http_status": 400, "upstream_host": None, "details": "lua_response", "attempts": 0},
        voided(D.REFUSED_BY_GATEWAY),
    ),
    Case(
        "the rate limit service failed",
        {"http_status": 500, "flags": {"RLSE"}, "upstream_host": None, "details": "rate_limiter_error"},
        voided(D.REFUSED_BY_GATEWAY),
    ),
    *(
        Case(
            f"no connection to the provider ({flag})",
            {
                "http_status": 503,
                "flags": {flag, "URX"},
                "upstream_host": host,
                "details": "upstream_reset_before_response_started",
            },
            voided(D.PROVIDER_UNAVAILABLE),
        )
        for flag, host in (("UF", "192.0.2.1:443"), ("UH", None), ("UO", "192.0.2.1:443"), ("NC", None), ("DF", None))
    ),
    Case(
        "the caller left before a provider was called",
        {"http_status": 0, "flags": {"DC"}, "upstream_host": None, "details": "downstream_remote_disconnect"},
        voided(D.CLIENT_DISCONNECTED),
    ),
    # The provider failed.
    Case("an error status", {"http_status": 500}, free(D.PROVIDER_ERROR)),
    Case("a refusal by the provider", {"http_status": 429, "facts": {"error.type": "quota"}}, free(D.PROVIDER_ERROR)),
    Case("200 with an error body", {"facts": {"error.message": "overloaded"}}, free(D.PROVIDER_ERROR)),
    Case("a stream that is only an error", {"facts": {"error": "{}"}}, free(D.PROVIDER_ERROR), STREAM),
    Case(
        "a failed stream of Responses",
        {"facts": {"response_error": "{}", "response_id": "r", "model": "m"}},
        free(D.PROVIDER_ERROR),
        {"endpoint": Endpoint.RESPONSES, "streams": True},
    ),
    Case(
        "an error answer of Responses",
        {"facts": {"error.message": "x", "response_id": "r", "model": "m"}},
        free(D.PROVIDER_ERROR),
        {"endpoint": Endpoint.RESPONSES},
    ),
    Case(
        "no answer in time",
        {"http_status": 504, "flags": {"UT"}, "details": "upstream_response_timeout"},
        free(D.PROVIDER_TIMEOUT),
    ),
    Case(
        "no byte before the idle timeout",
        {"http_status": 504, "flags": {"SI"}, "details": "stream_idle_timeout"},
        free(D.PROVIDER_TIMEOUT),
    ),
    Case(
        "closed before an answer",
        {
            "http_status": 503,
            "flags": {"UC"},
            "details": "upstream_reset_before_response_started{connection_termination}",
        },
        free(D.PROVIDER_RESET),
    ),
    Case(
        "reset before an answer",
        {"http_status": 503, "flags": {"UR"}, "details": "upstream_reset_before_response_started{remote_reset}"},
        free(D.PROVIDER_RESET),
    ),
    Case(
        "not even a status, by timeout",
        {"http_status": 0, "flags": {"UMSDR"}, "details": "upstream_max_stream_duration_reached"},
        free(D.PROVIDER_TIMEOUT),
    ),
    # There is no usage report, but the provider may have done work.
    Case("success without usage", {}, estimated(D.USAGE_OMITTED, INPUT + ANSWER)),
    Case("an empty success", {"response_bytes": 0}, free(D.PROVIDER_ERROR)),
    Case("a body that is no answer", {"facts": {"foreign_body": True}}, free(D.PROVIDER_ERROR)),
    Case("an answer in which nothing is", {"facts": {"delivered_bytes": 0}}, free(D.PROVIDER_ERROR)),
    Case(
        "the caller left an answer in which nothing is yet",
        {"facts": {"delivered_bytes": 0}, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, INPUT),
    ),
    Case(
        "an answer that the gateway refused",
        {"facts": {"refused_answer": "x"}, "http_status": 502, "details": "x"},
        free(D.PROVIDER_ERROR),
    ),
    Case(
        "the caller left an answer without a byte",
        {"response_bytes": 0, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, INPUT),
        STREAM,
    ),
    Case(
        "the caller left before an answer",
        {"http_status": 0, "flags": {"DC"}, "details": "downstream_remote_disconnect", "response_bytes": 0},
        estimated(D.CLIENT_DISCONNECTED, INPUT),
    ),
    Case(
        "the caller left during the answer",
        {"flags": {"DC"}, "details": "downstream_remote_disconnect"},
        estimated(D.CLIENT_DISCONNECTED, INPUT + ANSWER),
        STREAM,
    ),
    Case(
        "the provider disconnected during the answer",
        {"flags": {"UC"}, "details": "upstream_reset_after_response_started{connection_termination}"},
        estimated(D.PROVIDER_RESET, INPUT + ANSWER),
        STREAM,
    ),
    Case("the stream stalled", {"flags": {"SI"}}, estimated(D.PROVIDER_TIMEOUT, INPUT + ANSWER), STREAM),
    Case(
        "a stream that breaks off with an error",
        {"facts": {"error": "{}", "response_id": "chat-1", **TEXT}},
        estimated(D.PROVIDER_ERROR, INPUT + ANSWER),
        STREAM,
    ),
    Case(
        "the gateway failed after the provider was called",
        {"http_status": 500, "details": "response_payload_too_large"},
        estimated(D.GATEWAY_ERROR, INPUT),
    ),
    Case(
        "a long answer costs no more output than the caller's limit",
        {"response_bytes": 10**6},
        estimated(D.USAGE_OMITTED, INPUT + 500),
    ),
    Case(
        "a long answer without a limit costs what was delivered",
        {"facts": {"delivered_bytes": 20_000}},
        estimated(D.USAGE_OMITTED, INPUT + 50_000),
        {"output_tokens": 1_000},
    ),
    # Estimates are made of the delivered text.
    Case(
        "a token for each delta",
        {"facts": {"delivered_bytes": 120, "deltas": 30}, "response_bytes": 10_590, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, INPUT + 300),
        STREAM,
    ),
    Case(
        "a token for four bytes",
        {"facts": {"delivered_bytes": 120, "deltas": 3}, "response_bytes": 10_590, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, INPUT + 300),
        STREAM,
    ),
    Case(
        "text without usage in a document",
        {"facts": {"delivered_bytes": 40}, "response_bytes": 16_000},
        estimated(D.USAGE_OMITTED, INPUT + 100),
    ),
    Case(
        "zeros beside delivered text",
        {"facts": {**usage_fact(0, 0), "delivered_bytes": 148, "deltas": 37}, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, INPUT + 370),
        STREAM,
    ),
    Case(
        "zeros before any text",
        {"facts": usage_fact(0, 0), "flags": {"DC"}, "response_bytes": 0},
        estimated(D.CLIENT_DISCONNECTED, INPUT),
        STREAM,
    ),
    Case(
        "text without a name and then an error",
        {"facts": {"error": "{}", "delivered_bytes": 40, "deltas": 10}},
        estimated(D.PROVIDER_ERROR, INPUT + 100),
        STREAM,
    ),
    Case(
        "an error without text in a named stream",
        {"facts": {"error": "{}", "response_id": "r", "delivered_bytes": 0}},
        free(D.PROVIDER_ERROR),
        STREAM,
    ),
    Case(
        "an error inside choices",
        {"facts": {"error.present": True, "response_id": "r", "model": "acme-1", "delivered_bytes": 0}},
        free(D.PROVIDER_ERROR),
    ),
    Case(
        "input was counted and output was not",
        {"facts": {"usage": '{"prompt_tokens": 7}', "delivered_bytes": 40}},
        estimated(D.USAGE_OMITTED, 7 + 100),
    ),
    Case(
        "output was counted and input was not",
        {"facts": {"usage": '{"output_tokens": 9}'}},
        estimated(D.USAGE_OMITTED, INPUT + 90),
        ANTHROPIC,
    ),
    Case(
        "only the total was counted",
        {"facts": {"usage": '{"total_tokens": 90}', "delivered_bytes": 40}},
        estimated(D.USAGE_OMITTED, 80 + 100),
    ),
    Case(
        "message_start reports the exact input",
        {"facts": {"start_usage": START, **TEXT}, "flags": {"DC"}},
        estimated(D.CLIENT_DISCONNECTED, 35 + ANSWER),
        ANTHROPIC,
    ),
    Case(
        "an error after message_start",
        {"facts": {"start_usage": START, "error": "{}", **TEXT}},
        estimated(D.PROVIDER_ERROR, 35 + ANSWER),
        ANTHROPIC,
    ),
    Case(
        "exact input beyond the hold and the model is charged in full",
        {"facts": {"start_usage": json.dumps({"input_tokens": 5 * 10**8, "output_tokens": 1}), **TEXT}},
        estimated(D.USAGE_OMITTED, 5 * 10**8 + ANSWER),
        ANTHROPIC,
    ),
    # The report is not right.
    Case("negative input", {"facts": usage_fact(-1)}, estimated(D.INVALID_USAGE, INPUT + 200)),
    Case("usage that is not an object", {"facts": {"usage": "5", **TEXT}}, estimated(D.INVALID_USAGE, INPUT + ANSWER)),
    Case(
        "fractional usage without output",
        {"facts": {"usage": '{"prompt_tokens": 1.5}', **TEXT}},
        estimated(D.INVALID_USAGE, 2 + ANSWER),
    ),
    Case(
        "more cached tokens than input",
        {"facts": usage_fact(prompt_tokens_details={"cached_tokens": 41})},
        provider(D.INVALID_USAGE, 40 + 41 + 200),
    ),
    Case(
        "the caller left after a report that is not right",
        {"facts": usage_fact(total_tokens=1), "flags": {"DC"}},
        provider(D.CLIENT_DISCONNECTED),
    ),
    Case("input beyond the model", {"facts": usage_fact(110_001)}, provider(D.IMPLAUSIBLE_USAGE, 110_201)),
    Case("output beyond the model", {"facts": usage_fact(1, 10_001)}, provider(D.IMPLAUSIBLE_USAGE, 100_011)),
    Case("the maximum usage of a model", {"facts": usage_fact(110_000, 10_000)}, provider(D.COMPLETED, 210_000)),
    Case(
        "several long answers to one call",
        {"facts": usage_fact(1, 30_000)},
        provider(D.COMPLETED, 300_001),
        {"output_tokens": 3_000},
    ),
    Case(
        "embeddings of many inputs in one call",
        {"facts": usage_fact(300_000, 0), "request_bytes": 400_000},
        provider(D.COMPLETED, 300_000),
        {"endpoint": Endpoint.EMBEDDINGS},
    ),
    Case(
        "a ranking with a dense text, of which the hold expected a fourth",
        {"facts": {"usage": '{"total_tokens": 400000}'}, "request_bytes": 2_000},
        provider(D.COMPLETED, 400_000),
        {"endpoint": Endpoint.RERANK, "input_tokens": 100_000},
    ),
    Case(
        "a ranking beyond its hold",
        {"facts": {"usage": '{"total_tokens": 400001}'}, "request_bytes": 2_000},
        provider(D.IMPLAUSIBLE_USAGE, 400_001),
        {"endpoint": Endpoint.RERANK, "input_tokens": 100_000},
    ),
]
