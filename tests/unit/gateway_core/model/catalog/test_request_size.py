"""How many input tokens a request may have."""

import pytest

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.request_size import RequestSize, input_bounds, input_bounds_of
from gateway_core.model.catalog.reserves import BudgetMode, reserve
from gateway_core.model.endpoints import Endpoint
from tests.support.data.examples import model

MEGABYTE = 1_000_000


def large(name: str = "plain") -> Model:
    return Model.model_validate(model(name, context_window_tokens=200_000))


def bounds(size: RequestSize, endpoint: Endpoint = Endpoint.MESSAGES, name: str = "plain") -> tuple[int, int]:
    return input_bounds(size, large(name), endpoint, bytes_per_token=4)


def test_text_has_at_most_a_token_a_byte() -> None:
    assert bounds(RequestSize(400)) == (100, 400)


@pytest.mark.parametrize(
    ("endpoint", "expected", "maximum"),
    [
        (Endpoint.CHAT_COMPLETIONS, 1_536, 12_000),
        (Endpoint.MESSAGES, 1_568, 4_784),
        (Endpoint.GENERATE_CONTENT, 1_120, 4_128),
    ],
)
def test_a_picture_costs_the_same_at_any_size(endpoint: Endpoint, expected: int, maximum: int) -> None:
    for size in (1_000, MEGABYTE):
        assert bounds(RequestSize(size + 400, images=1, image_bytes=size), endpoint) == (100 + expected, 400 + maximum)


def test_a_picture_has_many_tokens_where_tokens_are_cheap() -> None:
    assert bounds(RequestSize(0, images=1), Endpoint.CHAT_COMPLETIONS, "gpt-4o-mini-2024-07-18") == (25_501, 48_169)


def test_a_document_is_expected_by_its_size_and_fills_at_most_the_window() -> None:
    assert bounds(RequestSize(4 * MEGABYTE, documents=1, document_bytes=4 * MEGABYTE)) == (90_000, 200_000)
    assert bounds(RequestSize(1_000, documents=1, document_bytes=1_000)) == (3_000, 200_000)
    assert bounds(RequestSize(0, remote_documents=1)) == (30_000, 200_000)


def test_a_recording_is_expected_by_its_length() -> None:
    assert bounds(RequestSize(MEGABYTE, audio_bytes=MEGABYTE), Endpoint.GENERATE_CONTENT) == (3_000, 32_000)


def test_a_reference_may_fill_the_window() -> None:
    assert bounds(RequestSize(100, references=1)) == (200_000, 200_000)


def test_a_reference_of_known_size_adds_its_tokens() -> None:
    assert bounds(RequestSize(400, referenced_tokens=3_000)) == (3_100, 3_400)
    assert bounds(RequestSize(400, referenced_tokens=300_000)) == (200_000, 200_000)
    assert bounds(RequestSize(400, references=1, referenced_tokens=3_000)) == (200_000, 200_000)


def test_every_prompt_of_a_batch_has_a_window() -> None:
    assert bounds(RequestSize(10 * MEGABYTE, prompts=20), Endpoint.COMPLETIONS) == (2_500_000, 4_000_000)
    assert bounds(RequestSize(10 * MEGABYTE), Endpoint.COMPLETIONS) == (200_000, 200_000)
    assert bounds(RequestSize(10 * MEGABYTE), Endpoint.EMBEDDINGS) == (2_500_000, 10_000_000)


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in Endpoint if endpoint.embeds])
def test_the_inputs_of_embeddings_together_may_exceed_a_window(endpoint: Endpoint) -> None:
    called = large()
    assert bounds(RequestSize(10 * MEGABYTE), endpoint) == (2_500_000, 10_000_000)
    assert input_bounds_of(None, 10 * MEGABYTE, called, endpoint, 4) == (2_500_000, 10_000_000)


@pytest.mark.parametrize(("bytes_per_token", "tokens"), [(1, 4_784), (4, 1_568)], ids=["strict", "balanced"])
def test_a_strict_hold_reserves_the_maximum(bytes_per_token: int, tokens: int) -> None:
    called = large()
    reserved = reserve(
        called, called.schedules[0], Endpoint.MESSAGES, BudgetMode.BALANCED,
        body_bytes=MEGABYTE, bytes_per_token=bytes_per_token, output_limit=0, choices=1,
        size=RequestSize(MEGABYTE, images=1, image_bytes=MEGABYTE),
    )  # fmt: skip
    assert (reserved.input_tokens, reserved.output_tokens) == (tokens, 0)
    assert reserved.amount_nano_credits == tokens * 1_000


def test_the_amount_of_any_batch_fits_into_64_bits() -> None:
    dear = Model.model_validate(
        model("dear", context_window_tokens=10**7, max_output_tokens=10**7)
        | {"schedules": [{"version": 1, "effective_date": "2025-01-01", "prices": {"input": 10**15, "output": 10**15}}]}
    )
    reserved = reserve(
        dear, dear.schedules[0], Endpoint.COMPLETIONS, BudgetMode.BALANCED,
        body_bytes=10**8, bytes_per_token=1, output_limit=10**7, choices=128 * 2_048,
    )  # fmt: skip
    assert reserved.amount_nano_credits < 2**63
