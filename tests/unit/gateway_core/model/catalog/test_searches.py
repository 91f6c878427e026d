"""How many tokens and search units ranking documents may use."""

import pytest

from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.searches import search_tokens, search_units


def size(documents: int, query_bytes: int, body_bytes: int) -> RequestSize:
    return RequestSize(body_bytes, ranked_documents=documents, query_bytes=query_bytes)


def test_the_query_counts_once_for_each_document() -> None:
    assert search_tokens(size(10, 40, 1_040), 1_040, 4) == (350, 1_400)


def test_without_the_size_of_its_query_the_query_may_be_the_body() -> None:
    assert search_tokens(size(3, 0, 100), 100, 1) == (300, 300)
    assert search_tokens(None, 100, 4) == (25, 100)


@pytest.mark.parametrize(("documents", "units"), [(1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_a_search_unit_has_up_to_100_documents(documents: int, units: int) -> None:
    assert search_units(size(documents, 1, 1), (0, 0)) == (units, units)


def test_a_body_without_documents_is_one_search() -> None:
    assert search_units(None, (25, 100)) == (1, 1)


def test_the_most_units_cover_every_split_of_long_documents() -> None:
    """A document of 4,096 tokens with a query of 250 is split into 17 parts, each with the query."""
    documents, document_bytes, query_bytes = 100, 4_096, 250
    asked = size(documents, query_bytes, documents * document_bytes + query_bytes)
    expected, most = search_units(asked, search_tokens(asked, asked.body_bytes, 4))
    parts = documents * -(-document_bytes // (500 - query_bytes))
    assert most >= -(-parts // 100)
    assert expected < most
