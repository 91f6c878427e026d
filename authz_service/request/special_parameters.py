"""Reads the parameters that most calls do not have: parts of the body that are no text, tools, and other models."""

from collections.abc import Mapping
from typing import Final

from authz_service.request.call import Call
from gateway_core.contract import request_facts as facts_of
from gateway_core.contract.headers import ANTHROPIC_BETA
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.unpriced import Asked
from gateway_core.model.endpoints import Dialect, Endpoint

SPECIAL_FACTS: Final = frozenset(
    {
        facts_of.SERVICE_TIER,
        facts_of.SPEED,
        facts_of.INFERENCE_GEO,
        facts_of.TOOLS,
        facts_of.MODELS,
        facts_of.AUDIOS,
        facts_of.AUDIO_OUTPUT,
        facts_of.IMAGE_OUTPUT,
    }
)
SIZE_FACTS: Final = frozenset(
    {
        facts_of.PROMPTS,
        facts_of.RANKED_DOCUMENTS,
        facts_of.QUERY_BYTES,
        facts_of.IMAGES,
        facts_of.AUDIOS,
        facts_of.DOCUMENTS,
        facts_of.REMOTE_IMAGES,
        facts_of.REMOTE_DOCUMENTS,
        facts_of.REFERENCES,
    }
)
_OUTPUT_IMAGE: Final = "output_image"
_MODALITIES: Final = (
    (facts_of.AUDIOS, "input_audio"),
    (facts_of.AUDIO_OUTPUT, "output_audio"),
    (facts_of.IMAGE_OUTPUT, _OUTPUT_IMAGE),
)


_IMAGES, _MESSAGES, _COMPLETIONS = Endpoint.IMAGES, Endpoint.MESSAGES, Endpoint.COMPLETIONS
_MODEL_RESOURCE: Final = "models/"
_LARGE_WINDOW_FLAG: Final = b"context-1m-"
"""The beginning of the flag with which Anthropic's models take a larger input."""
_LARGE_WINDOW_TOKENS: Final = 1_000_000


class NotTextError(Exception):
    """A parameter that must be a text is none."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


def read_specials(facts: Mapping[str, object], endpoint: Endpoint) -> Specials | None:
    """Returns what a body names besides the model and the text, or None if nothing of it can change the price.

    Nothing changes the price of a free operation, but other models that its body names are checked too.

    Raises:
        NotTextError: the tier, the speed or the place is not a text.
    """
    models = _models(facts, endpoint)
    if endpoint.is_free:
        return Specials(models=models) if models else None
    tier, speed, place = (
        _text(facts, name) for name in (facts_of.SERVICE_TIER, facts_of.SPEED, facts_of.INFERENCE_GEO)
    )
    tools = frozenset(entries(facts, facts_of.TOOLS))
    modalities = frozenset(category for fact, category in _MODALITIES if facts.get(fact))
    if endpoint is _IMAGES:
        modalities |= {_OUTPUT_IMAGE}
    if not (tools or models or modalities or any(Service(tier, speed, place).special())):
        return None
    return Specials(Asked(tools=tools, tier=tier, speed=speed, place=place, modalities=modalities), models)


def _models(facts: Mapping[str, object], endpoint: Endpoint) -> tuple[str, ...]:
    """Returns the names of other models as the catalog has them. Bodies of Gemini write them as resources."""
    named = entries(facts, facts_of.MODELS)
    if not named or endpoint.dialect is not Dialect.GEMINI:
        return named
    return tuple(name.removeprefix(_MODEL_RESOURCE) for name in named)


def asked_window_tokens(call: Call, endpoint: Endpoint) -> int:
    """Returns the context window that a beta flag asks for, or 0 for that of the model."""
    if endpoint is _MESSAGES:
        for name, value in call.headers:
            if name == ANTHROPIC_BETA and _LARGE_WINDOW_FLAG in value:
                return _LARGE_WINDOW_TOKENS
    return 0


def read_size(facts: Mapping[str, object], endpoint: Endpoint, body_bytes: int, window_tokens: int = 0) -> RequestSize:
    """Returns the sizes of the parts of a body. `window_tokens` is `asked_window_tokens`."""
    return RequestSize(
        body_bytes=body_bytes,
        prompts=prompts_of(facts, endpoint),
        images=count(facts, facts_of.IMAGES) + count(facts, facts_of.REMOTE_IMAGES),
        image_bytes=count(facts, facts_of.IMAGE_BYTES),
        audio_bytes=count(facts, facts_of.AUDIO_BYTES),
        documents=count(facts, facts_of.DOCUMENTS),
        document_bytes=count(facts, facts_of.DOCUMENT_BYTES),
        remote_documents=count(facts, facts_of.REMOTE_DOCUMENTS),
        references=len(entries(facts, facts_of.REFERENCES)),
        window_tokens=window_tokens,
        ranked_documents=count(facts, facts_of.RANKED_DOCUMENTS) if endpoint.ranks else 0,
        query_bytes=count(facts, facts_of.QUERY_BYTES) if endpoint.ranks else 0,
    )


def prompts_of(facts: Mapping[str, object], endpoint: Endpoint) -> int:
    """Returns how many prompts one call has the model complete."""
    return max(1, count(facts, facts_of.PROMPTS)) if endpoint is _COMPLETIONS else 1


def entries(facts: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Returns the entries of a fact that has one a line."""
    text = facts.get(name)
    return tuple(text.split("\n")) if isinstance(text, str) else ()


def count(facts: Mapping[str, object], name: str) -> int:
    """Returns a fact that is a number, without its fraction; 0 if it is absent or no number."""
    value = facts.get(name)
    return int(value) if isinstance(value, float) else 0


def _text(facts: Mapping[str, object], name: str) -> str | None:
    value = facts.get(name)
    if value is None or isinstance(value, str):
        return value
    raise NotTextError(name)
