"""Parameters that most calls do not have."""

from dataclasses import replace

from authz_service.request.special_parameters import asked_window_tokens, read_size, read_specials
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.unpriced import Asked
from gateway_core.model.endpoints import Endpoint
from tests.support.data.examples import call


def test_everything_that_may_change_the_price_is_read() -> None:
    facts: dict[str, object] = {
        "service_tier": "priority", "speed": "fast", "inference_geo": "us", "tools": "web_search\nmcp", "models": "a\nb",
        "audios": 1.0, "audio_output": True, "image_output": True,
    }  # fmt: skip
    asked = Asked(
        tools=frozenset({"web_search", "mcp"}),
        tier="priority",
        speed="fast",
        place="us",
        modalities=frozenset({"input_audio", "output_audio", "output_image"}),
    )
    assert read_specials(facts, Endpoint.CHAT_COMPLETIONS) == Specials(asked, ("a", "b"))


def test_nothing_special_is_none() -> None:
    facts: dict[str, object] = {"model": "m", "service_tier": "auto", "speed": "standard", "inference_geo": "global"}
    assert read_specials(facts, Endpoint.MESSAGES) is None


def test_only_other_models_matter_to_a_call_that_costs_nothing() -> None:
    facts: dict[str, object] = {"service_tier": "priority", "tools": "web_search", "models": "models/a\nb"}
    assert read_specials(facts, Endpoint.COUNT_CONTENT_TOKENS) == Specials(models=("a", "b"))
    assert read_specials({"tools": "web_search"}, Endpoint.COUNT_MESSAGE_TOKENS) is None


def test_the_sizes_of_the_parts_are_read() -> None:
    facts: dict[str, object] = {
        "prompts": 3.0, "images": 1.0, "image_bytes": 10.0, "audios": 1.0, "audio_bytes": 20.0, "documents": 2.0,
        "document_bytes": 30.0, "remote_images": 4.0, "remote_documents": 5.0, "references": "file:a\nresponse:b",
    }  # fmt: skip
    size = RequestSize(100, 3, 5, 10, 20, 2, 30, 5, 2)
    assert read_size(facts, Endpoint.COMPLETIONS, 100) == size
    assert read_size(facts, Endpoint.CHAT_COMPLETIONS, 100).prompts == 1
    assert size.text_bytes == 40


def test_a_larger_window_is_found_in_any_of_several_headers() -> None:
    beta = "anthropic-beta"
    first, second = (
        call(anthropic_beta=value).headers[-1:] for value in ("files-api-2025-04-14", "context-1m-2025-08-07")
    )
    assert [name for name, _ in (*first, *second)] == [beta, beta]
    several = replace(call(), headers=first + second)
    assert asked_window_tokens(several, Endpoint.MESSAGES) == 1_000_000
    assert asked_window_tokens(replace(call(), headers=first), Endpoint.MESSAGES) == 0
    assert asked_window_tokens(several, Endpoint.CHAT_COMPLETIONS) == 0
