"""Ranking documents is charged by search units (Cohere) or tokens (Voyage AI), as the answer reports them."""

from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, json_answer

UNIT = 2_000_000
"""Nano-credits of a search unit of rerank-v3.5."""
TOKEN = 50
"""Nano-credits of a token of rerank-2.5."""
DOCUMENTS = ["Otters eat fish.", "Ferns are plants."]
COHERE: dict[str, Any] = {"model": "rerank-v3.5", "query": "Who eats fish?", "documents": DOCUMENTS}
VOYAGE: dict[str, Any] = {"model": "rerank-2.5", "query": "Who eats fish?", "documents": DOCUMENTS, "top_k": 1}
RESULTS: list[dict[str, float]] = [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}]


def ranked(units: object = None) -> Script:
    meta: dict[str, Any] = {"api_version": {"version": "2"}}
    if units is not None:
        meta["billed_units"] = units
    return json_answer({"id": "r-1", "results": RESULTS, "meta": meta})


def listed(report: object = None) -> Script:
    answer: dict[str, Any] = {"object": "list", "data": RESULTS, "model": "rerank-2.5"}
    return json_answer(answer if report is None else {**answer, "usage": report})


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
async def test_search_units_cost_a_fee_each(metering: Metering, path: str) -> None:
    metering.upstream.answer(ranked({"search_units": 3}))
    reply = await metering.call(COHERE, path)
    assert (reply.status, reply.json["meta"]["billed_units"]) == (200, {"search_units": 3})
    (request,) = metering.upstream.requests
    assert (request.path, request.json) == (path, COHERE)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (3 * UNIT, "provider", "completed")
    assert charged.lines == {"fee:search_unit": (3, 3 * UNIT)}
    assert await metering.finding() is None


async def test_tokens_cost_their_price(metering: Metering) -> None:
    metering.upstream.answer(listed({"total_tokens": 26}))
    reply = await metering.call(VOYAGE, "/v1/rerank")
    assert (reply.status, reply.json["data"]) == (200, RESULTS)
    (request,) = metering.upstream.requests
    assert (request.path, request.json) == ("/v1/rerank", VOYAGE)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.tokens, charged.source) == (26 * TOKEN, {"input": 26}, "provider")
    assert await metering.finding() is None


@pytest.mark.parametrize("units", [None, {}, {"search_units": None}, {"search_units": 0}, {"input_tokens": 5}])
async def test_without_search_units_the_expected_ones_are_charged(metering: Metering, units: object) -> None:
    metering.upstream.answer(ranked(units))
    assert (await metering.call({**COHERE, "documents": ["x"] * 250}, "/v2/rerank")).status == 200
    charged = await metering.charged()
    assert (charged.source, charged.detail) == ("estimated", "usage_omitted")
    assert charged.lines == {"fee:search_unit": (3, 3 * UNIT)}
    assert charged.hold_nano_credits >= 3 * UNIT


async def test_without_tokens_they_are_estimated(metering: Metering) -> None:
    metering.upstream.answer(listed())
    assert (await metering.call(VOYAGE, "/v1/rerank")).status == 200
    charged = await metering.charged()
    assert (charged.source, charged.detail) == ("estimated", "usage_omitted")
    assert 0 < charged.nano_credits <= charged.hold_nano_credits


async def test_a_hold_covers_the_query_once_for_each_document(metering: Metering) -> None:
    """Voyage AI charges the query with every document, so 100 short documents cost 100 queries."""
    query, documents = "why " * 500, ["x"] * 100
    tokens = 100 * 500 + 100
    metering.upstream.answer(listed({"total_tokens": tokens}))
    assert (await metering.call({**VOYAGE, "query": query, "documents": documents}, "/v1/rerank")).status == 200
    charged = await metering.charged()
    assert charged.nano_credits == tokens * TOKEN <= charged.hold_nano_credits


async def test_a_hold_covers_long_documents_in_parts(metering: Metering) -> None:
    """Cohere counts every part of 500 tokens of a longer document."""
    documents = ["word " * 3_000] * 50
    metering.upstream.answer(ranked({"search_units": 4}))
    assert (await metering.call({**COHERE, "documents": documents}, "/v2/rerank")).status == 200
    charged = await metering.charged()
    assert charged.nano_credits == 4 * UNIT <= charged.hold_nano_credits


async def test_a_body_that_names_another_model_holds_a_search_too(metering: Metering) -> None:
    metering.upstream.answer(ranked({"search_units": 1}))
    assert (await metering.call({**COHERE, "fallback_model": "rerank-v3.5"}, "/v2/rerank")).status == 200
    assert (await metering.charged()).hold_nano_credits == UNIT


async def test_documents_with_fields_pass(metering: Metering) -> None:
    """Version 1 of Cohere's API takes objects, and their ids are the caller's own."""
    body = {**COHERE, "documents": [{"id": "doc-1", "text": "Otters"}, {"id": "doc-2", "text": "Ferns"}]}
    metering.upstream.answer(ranked({"search_units": 1}))
    assert (await metering.call(body, "/v1/rerank")).status == 200
    assert (await metering.charged()).nano_credits == UNIT


async def test_a_budget_refuses_a_search_that_it_cannot_pay(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=UNIT - 1)
    assert (await metering.call(COHERE, "/v2/rerank")).status == 402
    assert not metering.upstream.requests


@pytest.mark.parametrize(
    ("body", "path", "parameter"),
    [
        ({**COHERE, "model": "gpt-4o"}, "/v2/rerank", "model"),
        ({**VOYAGE}, "/v2/rerank", "model"),
        ({"model": "rerank-v3.5", "messages": []}, "/v1/chat/completions", "model"),
        ({**COHERE, "stream": True}, "/v1/rerank", "stream"),
        ({**COHERE, "documents": ["x"] * 10_001}, "/v1/rerank", "documents"),
    ],
)
async def test_what_cannot_be_ranked_is_refused(
    metering: Metering, body: dict[str, Any], path: str, parameter: str
) -> None:
    reply = await metering.call(body, path)
    assert (reply.status, reply.json["error"]["param"]) == (400, parameter)
    assert not metering.upstream.requests


async def test_a_failed_search_is_free(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"message": "too many tokens"}, status=400))
    assert (await metering.call(COHERE, "/v2/rerank")).status == 400
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (0, "provider_error")
