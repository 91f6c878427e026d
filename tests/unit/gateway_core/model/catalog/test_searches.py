"""What ranking documents may cost."""

import datetime as dt

import pytest

from gateway_core.model.catalog.prices import Prices, PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.searches import held_units, search_fees, search_tokens

FEE = 2_000_000
BY_UNIT = PriceSchedule(effective_date=dt.date(2025, 1, 1), prices=Prices(input=0, output=0), fees={"search_unit": FEE})
BY_TOKEN = PriceSchedule(effective_date=dt.date(2025, 1, 1), prices=Prices(input=50, output=0))


def size(documents: int, query_bytes: int, body_bytes: int) -> RequestSize:
    return RequestSize(body_bytes, ranked_documents=documents, query_bytes=query_bytes)


def test_the_query_counts_once_for_each_document() -> None:
    assert search_tokens(size(10, 40, 1_040), 1_040, 4) == (350, 1_400)


def test_without_the_size_of_its_query_the_query_may_be_the_body() -> None:
    assert search_tokens(size(3, 0, 100), 100, 1) == (300, 300)
    assert search_tokens(None, 100, 4) == (25, 100)


@pytest.mark.parametrize(("documents", "units"), [(1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_a_search_unit_has_up_to_100_documents(documents: int, units: int) -> None:
    assert search_fees(BY_UNIT, size(documents, 1, 1), (0, 0), is_strict=True) == units * FEE


def test_a_strict_hold_covers_every_split_of_long_documents() -> None:
    """A document of 4,096 tokens with a query of 250 is split into 17 parts, each with the query."""
    documents, document_bytes, query_bytes = 100, 4_096, 250
    asked = size(documents, query_bytes, documents * document_bytes + query_bytes)
    tokens = search_tokens(asked, asked.body_bytes, 4)
    parts = documents * -(-document_bytes // (500 - query_bytes))
    held = search_fees(BY_UNIT, asked, tokens, is_strict=True)
    assert held >= -(-parts // 100) * FEE
    assert search_fees(BY_UNIT, asked, tokens, is_strict=False) < held


def test_a_model_without_that_fee_has_no_search_units() -> None:
    assert search_fees(BY_TOKEN, size(100, 1, 1), (10**6, 10**6), is_strict=True) == 0
    assert held_units(BY_TOKEN, 10**9) == 0


def test_a_hold_covers_whole_units() -> None:
    assert held_units(BY_UNIT, 3 * FEE) == 3
