"""What it may cost to rank documents by a query.

Two kinds of providers exist. Voyage AI charges the tokens of the query once for each document, and those of the documents
(https://docs.voyageai.com/docs/faq#what-is-the-total-number-of-tokens-for-the-rerankers). Cohere charges search units: a
query with up to 100 documents. It splits a document of more than 500 tokens, the query included, and counts each part
as a document (https://cohere.com/pricing).
"""

from typing import Final

from gateway_core.model.catalog.request_size import RequestSize

SEARCH_UNIT: Final = "search_unit"
"""The fee of a search unit, which the provider reports how many there were of."""
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


def search_units(size: RequestSize | None, tokens: tuple[int, int]) -> tuple[int, int]:
    """Returns how many search units a call is as a rule, and how many at most.

    Args:
        size: the sizes of the parts of the body.
        tokens: what `search_tokens` returned.
    """
    documents = max(1, size.ranked_documents if size else 1)
    expected, maximum = tokens
    return _units(documents + expected // _PART_TOKENS), _units(documents + maximum // _LEAST_PART_TOKENS)


def _units(parts: int) -> int:
    return -(-parts // _DOCUMENTS_PER_UNIT)
