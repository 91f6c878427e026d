"""What an answer hands out, and to whom it is bound."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.support.data.example_hold import CLAIMS
from usage_service.stored_objects.handed_out import Answer, may_hand_out, rows_of

COUNTED = TokenUsage(input=1_000, cache_read=200, output=300, output_reasoning=50)


def names(endpoint: Endpoint, facts: dict[str, Any]) -> list[tuple[object, object]]:
    rows = rows_of(Answer(replace(CLAIMS, endpoint=endpoint), facts, COUNTED), 7)
    return [(row[1], row[2]) for row in rows]


def test_a_response_belongs_to_the_member_who_called() -> None:
    claims = replace(CLAIMS, endpoint=Endpoint.RESPONSES)
    facts = {"response_id": "resp_1", "stored_ids": "item:rs_1\ncontainer:cntr_1"}
    assert list(rows_of(Answer(claims, facts, COUNTED), 7)) == [
        ("anthropic", "response", "resp_1", "acme", "mia", "key-1", "resp_1", "claude", 1_550, 7),
        ("anthropic", "item", "rs_1", "acme", "mia", "key-1", "resp_1", "claude", 350, 7),
        ("anthropic", "container", "cntr_1", "acme", "mia", "key-1", "resp_1", "claude", None, 7),
    ]


def test_the_size_of_an_answer_without_a_count_is_unknown() -> None:
    claims = replace(CLAIMS, endpoint=Endpoint.RESPONSES)
    (row,) = rows_of(Answer(claims, {"response_id": "resp_1"}, None), 7)
    assert row[8] is None


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (Endpoint.RESPONSES, ["item", "container"]),
        (Endpoint.MESSAGES, ["container", "file"]),
        (Endpoint.CHAT_COMPLETIONS, ["audio"]),
        (Endpoint.GENERATE_CONTENT, []),
        (Endpoint.EMBEDDINGS, []),
    ],
)
def test_each_operation_hands_out_its_own_kinds(endpoint: Endpoint, expected: list[str]) -> None:
    facts = {"stored_ids": "item:a\ncontainer:b\nfile:c\naudio:d\nprompt:e\nnonsense\n"}
    assert [kind for kind, _ in names(endpoint, facts)] == expected


@pytest.mark.parametrize("identifier", ["", "a b", "x" * 257, "ä", "a\x00", 5, None, {"id": "x"}])
def test_what_cannot_be_an_id_is_skipped(identifier: object) -> None:
    assert names(Endpoint.RESPONSES, {"response_id": identifier, "stored_ids": identifier}) == []


def test_the_id_of_a_completion_is_not_stored() -> None:
    assert not may_hand_out(Endpoint.CHAT_COMPLETIONS, {"response_id": "chatcmpl-1"})
    assert may_hand_out(Endpoint.RESPONSES, {"response_id": "resp_1"})
    assert may_hand_out(Endpoint.MESSAGES, {"stored_ids": "file:f"})


@pytest.mark.parametrize("endpoint", [Endpoint.OPENAI_FILES, Endpoint.ANTHROPIC_FILES])
def test_the_id_of_an_upload_is_that_of_a_file(endpoint: Endpoint) -> None:
    assert may_hand_out(endpoint, {"response_id": "file-1"})
    assert names(endpoint, {"response_id": "file-1", "stored_ids": "item:a"}) == [("file", "file-1")]
    assert names(endpoint, {"response_id": "a b"}) == []
