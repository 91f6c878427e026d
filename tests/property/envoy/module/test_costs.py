"""What the module says that an answer costs is what settlement charges for it, to the nano-credit."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from gateway_core.contract.quotes import encode_quote
from gateway_core.model.catalog.answered_models import AnsweredModels
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.money import INT64_MAX, format_credits
from tests.property.gateway_core.model.catalog.price_schedules import schedules
from tests.support.data.example_hold import with_changes
from tests.support.envoy_module import document_usage, told_cost
from tests.unit.usage_service.settlement.charge_cases import HOLD, MODEL, REPORT
from usage_service.settlement.charge_decision import resolve
from usage_service.settlement.report_pricing import Terms

SCHEDULE = PriceSchedule.model_validate(
    {
        "version": 1,
        "effective_date": "1970-01-01",
        "prices": {"input": 123_456_789, "cache_read": 12_345_678, "cache_write_1h": 3 * 10**8, "output": 10**9 + 1},
        "multipliers": [{"when": {"tier": "flex"}, "numerator": 0}, {"when": {"place": "us"}, "numerator": 2}],
    }
)
DEAR = PriceSchedule.model_validate(
    {"version": 1, "effective_date": "1970-01-01", "prices": {"input": 10**12, "output": 10**12}}
)


def model(name: str, schedule: PriceSchedule, **others: Any) -> Model:
    values = {**MODEL.model_dump(exclude={"schedules"}), "name": name, "upstream_name": name, **others}
    return Model.model_validate({**values, "schedules": (schedule,)})


ASKED = model("acme-1", SCHEDULE, upstream_name="models/Acme-1-0125", aliases=("acme/acme-1-latest", "acme-one"))
OTHERS = AnsweredModels((ASKED, model("acme-1-2024-05-13", DEAR), model("acme", DEAR), model("acme-2", DEAR)))
SNAPSHOTS = (
    "acme-1", "acme-one", "ACME-1", "models/acme-1", "acme-1-0125", "acme-1-20250101", "acme-1-2025-01-01", "acme-1@v2",
    "acme-1-v2:1", "acme-1-latest", "acme-1-01-2025"
)  # fmt: skip
OTHER_NAMES = (
    "acme-1-2024-05-13", "acme", "acme-0125", "acme-2", "acme-2-2025-01-01", "acme-1-turbo", "acme-1-2025-1-1", "", "x",
    "acme-1-v2:", "acme-1-\u0663", "acme-1-0125-0125"
)  # fmt: skip
FORMS = {
    Endpoint.CHAT_COMPLETIONS: "usage",
    Endpoint.RESPONSES: "usage",
    Endpoint.EMBEDDINGS: "usage",
    Endpoint.MESSAGES: "usage",
    Endpoint.GENERATE_CONTENT: "usageMetadata",
    Endpoint.EMBED_CONTENT: "usageMetadata",
}


def charged(endpoint: Endpoint, document: bytes, schedule: PriceSchedule = SCHEDULE) -> int:
    """Returns what settlement charges for a whole answer."""
    hold = with_changes(HOLD, endpoint=endpoint, served_model=ASKED.upstream_name)
    terms = Terms(hold, ASKED, schedule, OTHERS)
    return resolve(terms, replace(REPORT, facts=document_usage(document))).charge_nano_credits


def told(endpoint: Endpoint, document: bytes, schedule: PriceSchedule = SCHEDULE) -> str | None:
    quote = encode_quote(endpoint.dialect, schedule, OTHERS.meaning(ASKED))
    assert quote is not None
    return told_cost(document, quote)


counts = st.integers(0, 50) | st.integers(0, 10**11) | st.sampled_from((0, 1, 127_999, 128_000, 128_001))
odd: st.SearchStrategy[Any] = st.sampled_from(
    (
        None,
        -1,
        1.0,
        2.5,
        "7",
        "x",
        True,
        [],
        {},
        [{}],
        10**13,
        2**64,
        {"a": 1},
        {"b": 0},
        [{"modality": "TEXT"}],
        "TEXT",
    )
)
modalities = st.lists(
    st.fixed_dictionaries(
        {"modality": st.sampled_from(("TEXT", "AUDIO", "IMAGE", "VIDEO", "text", None)), "tokenCount": counts | odd}
    ),
    max_size=2,
)
details = st.dictionaries(
    st.sampled_from(
        ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "text_tokens", "reasoning_tokens",
         "rejected_prediction_tokens", "thinking_tokens", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens",
         "web_search_requests", "cached_tokens_details")
    ),
    st.integers(0, 20) | counts | st.sampled_from((0, None)) | odd,
    max_size=3,
)  # fmt: skip
names_of_counts = (
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens", "cached_tokens",
    "prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "totalTokenCount",
    "toolUsePromptTokenCount", "responseTokenCount", "num_sources_used", "search_units", "promptTokens", "seconds"
)  # fmt: skip
names_of_details = (
    "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details",
    "cache_creation", "server_tool_use", "iterations", "server_side_tool_usage_details"
)  # fmt: skip
names_of_modalities = (
    "promptTokensDetails",
    "candidatesTokensDetails",
    "cacheTokensDetails",
    "toolUsePromptTokensDetails",
)
service_names = st.sampled_from(("service_tier", "serviceTier", "speed", "inference_geo", "trafficType"))
services = st.sampled_from(("standard", "flex", "us", "STANDARD", "default", " ", "", None, 1))
lives = st.dictionaries(st.sampled_from(("ttl_30m_tokens", "ttl_12h_tokens", "x")), st.integers(0, 5) | odd, max_size=2)
writes = st.fixed_dictionaries({"cache_write_tokens": st.integers(0, 5), "cache_write_tokens_details": lives | odd})
changes = st.one_of(
    st.tuples(st.sampled_from(("prompt_tokens_details", "input_tokens_details")), writes),
    st.tuples(st.sampled_from(names_of_counts), st.integers(0, 30) | counts | odd),
    st.tuples(st.sampled_from(names_of_counts), st.just(0) | st.none()),
    st.tuples(st.sampled_from(names_of_details), details),
    st.tuples(st.sampled_from(names_of_details), st.lists(details, max_size=1) | odd),
    st.tuples(st.sampled_from(names_of_modalities), modalities | odd),
    st.tuples(service_names, services),
)


@st.composite
def plain_reports(draw: st.DrawFn, endpoint: Endpoint) -> dict[str, Any]:
    """Reports as providers send them for ordinary calls."""
    uncached, cached, written, hour, output, reasoning = (draw(counts) for _ in range(6))
    uncached, output = uncached + 1, output + 1
    if endpoint is Endpoint.MESSAGES:
        report: dict[str, Any] = {
            "input_tokens": uncached,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "output_tokens": output + reasoning,
            "output_tokens_details": {"thinking_tokens": reasoning},
            "service_tier": "standard",
            "inference_geo": "not_available",
            "server_tool_use": {"web_search_requests": 0},
        }
        if draw(st.booleans()):
            report["cache_creation_input_tokens"] = written + hour
            report["cache_creation"] = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": hour}
        return report
    if endpoint is Endpoint.GENERATE_CONTENT:
        return {
            "promptTokenCount": uncached + cached,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": output,
            "thoughtsTokenCount": reasoning,
            "totalTokenCount": uncached + cached + output + reasoning,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": uncached + cached}],
            "trafficType": "ON_DEMAND",
        }
    if endpoint is Endpoint.EMBED_CONTENT:
        return {"promptTokenCount": uncached}
    if endpoint is Endpoint.EMBEDDINGS:
        return {"prompt_tokens": uncached, "total_tokens": uncached}
    written_long = hour if draw(st.booleans()) else 0
    lives = {"ttl_30m_tokens": written, "ttl_12h_tokens": written_long}
    split = {"cache_write_tokens_details": lives} if written_long or draw(st.booleans()) else {}
    written += written_long
    side_in, side_out = ("input", "output") if endpoint is Endpoint.RESPONSES else ("prompt", "completion")
    return {
        f"{side_in}_tokens": uncached + cached + written,
        f"{side_in}_tokens_details": {
            "cached_tokens": cached,
            "audio_tokens": 0,
            "cache_write_tokens": written,
            **split,
        },
        f"{side_out}_tokens": output + reasoning,
        f"{side_out}_tokens_details": {"reasoning_tokens": reasoning, "accepted_prediction_tokens": 3},
        "total_tokens": uncached + cached + written + output + reasoning,
    }


def document_of(endpoint: Endpoint, report: object, **others: Any) -> bytes:
    return json.dumps({"id": "c1", FORMS[endpoint]: report, **others}).encode()


@pytest.mark.parametrize("endpoint", FORMS)
@given(st.data())
def test_the_cost_of_a_plain_answer_is_its_charge(endpoint: Endpoint, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SNAPSHOTS))
    key = "modelVersion" if FORMS[endpoint] == "usageMetadata" else "model"
    schedule = data.draw(schedules())
    document = document_of(endpoint, data.draw(plain_reports(endpoint)), **{key: name})
    charge = charged(endpoint, document, schedule)
    assume(charge <= INT64_MAX)
    assert told(endpoint, document, schedule) == format_credits(charge)


beside = st.one_of(
    st.tuples(st.just("model"), st.sampled_from((*SNAPSHOTS, *OTHER_NAMES, 1, None))),
    st.tuples(st.just("service_tier"), st.sampled_from(("default", "flex", "", None, 1))),
    st.tuples(
        st.just("tool_usage"),
        st.sampled_from(({"web_search": {"num_requests": 0}}, {"web_search": {"num_requests": 2}})),
    ),
    st.tuples(st.just("error"), st.sampled_from((None, "x", {"type": "a"}))),
    st.tuples(
        st.just("choices"), st.sampled_from(([{"message": {"content": "Because."}}], [{"usage": {"prompt_tokens": 9}}]))
    ),
    st.just(("output", [{"type": "web_search_call", "action": {"type": "search"}}])),
    st.just(("duration", 2.5)),
    st.just(("usage_metadata", {"promptTokenCount": 5})),
)


@pytest.mark.parametrize("endpoint", FORMS)
@given(st.data())
def test_a_cost_is_exact_or_absent(endpoint: Endpoint, data: st.DataObject) -> None:
    report = data.draw(st.just({}) | plain_reports(endpoint))
    report |= dict(data.draw(st.lists(changes, max_size=3)))
    for name in data.draw(st.lists(st.sampled_from(sorted(report)), max_size=1)) if report else ():
        del report[name]
    others = dict(data.draw(st.lists(beside, max_size=2)))
    document = document_of(endpoint, report, **others)
    cost = told(endpoint, document)
    event("told" if cost else "not told")
    if cost is not None:
        assert cost == format_credits(charged(endpoint, document))


names = st.from_regex(
    r"(models/|v/)?[aA]cme(-1|-2|-one)?([-@](\d{2,4}|\d{8}|v\d{1,2}(:\d)?|latest|x)){0,4}", fullmatch=True
)


@given(names | st.sampled_from(SNAPSHOTS + OTHER_NAMES))
def test_the_module_knows_by_name_whether_the_model_asked_for_has_answered(name: str) -> None:
    document = document_of(Endpoint.EMBEDDINGS, {"prompt_tokens": 5, "total_tokens": 5}, model=name)
    is_asked = OTHERS.find(ASKED, name) is ASKED if name else False
    told_name = told(Endpoint.EMBEDDINGS, document) is not None
    assert told_name == is_asked or (not name.isascii() and not told_name)


BROKEN = ("", "openai", "x;1,2,3,4,5,6;;a;", "openai;1,2,3,4,5;;a;", "openai;1,2,3,4,5,6,7;;a;", "openai;1,2,3,4,5,-6;;a;",
          "openai;1,2,3,4,5,6;9,1;a;", "openai;1,2,3,4,5,6;;a", "openai;1,2,3,4,5,6;;a;;",
          f"openai;1,2,3,4,5,{10**17};;a;")  # fmt: skip


@pytest.mark.parametrize("quote", BROKEN)
def test_a_broken_quote_is_no_quote(quote: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(quote) or "assert"):
        told_cost(b'{"usage":{"prompt_tokens":1,"total_tokens":1}}', quote)


@pytest.mark.parametrize(
    "report",
    [
        '{"prompt_tokens":5,"prompt_tokens":7,"total_tokens":7}',
        '{"prompt_tokens":5,"total_tokens":5,"total_tokens":null}',
        '{"prompt_tokens":5,"total_tokens":5,"\\u0061udio_tokens":5}',
        '{"prompt_tokens":5,"total_tokens":5,"x":"1"}',
        '{"prompt_tokens":5e0,"total_tokens":5}',
        '{"prompt_tokens":5,"total_tokens":5,"x":{"x":{"x":{"x":{}}}}}',
        '[{"prompt_tokens":5,"total_tokens":5}]',
    ],
)
def test_an_unusual_report_is_not_priced_at_once(report: str) -> None:
    assert told(Endpoint.EMBEDDINGS, b'{"usage":' + report.encode() + b"}") is None


@given(st.lists(st.integers(0, 200), max_size=4))
def test_the_cost_does_not_depend_on_where_the_answer_is_split(places: list[int]) -> None:
    document = document_of(Endpoint.EMBEDDINGS, {"prompt_tokens": 5, "total_tokens": 5}, model="acme-1")
    quote = encode_quote(Endpoint.EMBEDDINGS.dialect, SCHEDULE, OTHERS.meaning(ASKED))
    assert quote
    cuts = sorted(min(place, len(document)) for place in places)
    assert told_cost(document, quote, cuts) == format_credits(charged(Endpoint.EMBEDDINGS, document))


def test_an_answer_that_was_cut_has_no_cost() -> None:
    document = b'{"usage":{"prompt_tokens":5,"total_tokens":5},"model":"acme-1"'
    assert told(Endpoint.EMBEDDINGS, document + b"}")
    assert told(Endpoint.EMBEDDINGS, document) is None
