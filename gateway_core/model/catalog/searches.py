"""What it may cost to rank documents by a query.

Two kinds of providers exist. Voyage AI charges the tokens of the query once for each document, and those of the documents
(https://docs.voyageai.com/docs/faq#what-is-the-total-number-of-tokens-for-the-rerankers). Cohere charges search units: a
query with up to 100 documents. It splits a document of more than 500 tokens, the query included, and counts each part
as a document (https://cohere.com/pricing).
"""

from typing import Final

from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize

SEARCH_UNIT: Final = "search_unit"
"""The fee of a search unit."""
MOST_DOCUMENTS: Final = 10_000
"""No provider ranks more in one call (https://docs.cohere.com/docs/reranking-best-practices)."""
_DOCUMENTS_PER_UNIT: Final = 100
_PART_TOKENS: Final = 500
_LEAST_PART_TOKENS: Final = 250
"""The least part of a document that counts as one. The query takes at most half of the tokens of a part."""


def search_tokens(size: RequestSize | None, body_bytes: int, bytes_per_token: int) -> tuple[int, int]:
    """Returns how many tokens a search has as a rule, and how many at most: the query once for each document, and all else.

    Args:
        size: the sizes of the parts of the body. Without the size of its query, that may be the whole body.
        body_bytes: the whole body. A token is at least one byte.
        bytes_per_token: the bytes of a usual token.
    """
    documents = size.ranked_documents if size else 0
    query_bytes = (size.query_bytes if size else 0) or body_bytes
    maximum = body_bytes + query_bytes * max(documents - 1, 0)
    return -(-maximum // bytes_per_token), maximum


def search_fees(schedule: PriceSchedule, size: RequestSize | None, tokens: tuple[int, int], *, is_strict: bool) -> int:
    """Returns what the search units of a call are expected to cost, or may cost at most, in nano-credits.

    Args:
        schedule: the prices in force.
        size: the sizes of the parts of the body.
        tokens: what `search_tokens` returned.
        is_strict: whether the maximum is wanted.
    """
    fee = schedule.fees.get(SEARCH_UNIT, 0)
    documents = max(1, size.ranked_documents if size else 1)
    expected, maximum = tokens
    parts = maximum // _LEAST_PART_TOKENS if is_strict else expected // _PART_TOKENS
    return fee * -(-(documents + parts) // _DOCUMENTS_PER_UNIT)


def held_units(schedule: PriceSchedule, amount_nano_credits: int) -> int:
    """Returns how many search units a hold of this amount covers; 0 for a model without that fee."""
    fee = schedule.fees.get(SEARCH_UNIT, 0)
    return amount_nano_credits // fee if fee else 0
