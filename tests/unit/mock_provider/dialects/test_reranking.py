"""The mock provider ranks documents as Cohere and Voyage AI do."""

from typing import Any

import pytest

from tests.support.servers.mock_process import MockProcess

BODY = {"query": "Why?", "documents": ["a", "b", "c"]}


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_cohere_reports_search_units(mock: MockProcess, path: str) -> None:
    status, answer = mock.post(path, {"model": "rerank-v3.5", **BODY, "top_n": 2})
    assert (status, len(answer["results"])) == (200, 2)
    assert answer["meta"]["billed_units"] == {"search_units": 1}


def test_a_long_document_counts_in_parts(mock: MockProcess) -> None:
    documents = ["x" * 40_000] * 10
    _, answer = mock.post("/v2/rerank", {"model": "rerank-v3.5", "query": "y", "documents": documents})
    assert answer["meta"]["billed_units"] == {"search_units": 3}


def test_others_report_tokens(mock: MockProcess) -> None:
    status, answer = mock.post("/v1/rerank", {"model": "rerank-2.5", **BODY, "return_documents": True}, input_tokens=12)
    assert (status, answer["usage"]) == (200, {"total_tokens": 12})
    assert {entry["document"]["text"] for entry in answer["data"]} == {"a", "b", "c"}
    assert mock.call()["counts"]["input_uncached"] == 12


@pytest.mark.parametrize(
    "change", [{"query": ""}, {"documents": []}, {"documents": [1]}, {"documents": "a"}, {"top_n": 0}, {"model": None}]
)
def test_what_is_not_a_search_is_refused(mock: MockProcess, change: dict[str, Any]) -> None:
    assert mock.post("/v2/rerank", {"model": "rerank-v3.5", **BODY, **change})[0] == 400
