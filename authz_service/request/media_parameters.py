"""Reads the parameters of calls about sound and pictures: the forms, and speech."""

from collections.abc import Mapping
from typing import Final

from authz_service.request.bodies import require_form, require_json
from authz_service.request.call import Call
from authz_service.request.special_parameters import count
from authz_service.request.values import MAX_CHOICES, boolean, integer, invalid
from gateway_core.contract.request_facts import (
    AUDIO_BYTES,
    IMAGE_BYTES,
    IMAGES,
    INPUT_CHARACTERS,
    MODEL,
    RESPONSE_FORMAT,
    STREAM,
    STREAM_FORMAT,
    TEXT_BYTES,
    N,
)
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.media import encoded_bytes
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.unpriced import Asked
from gateway_core.model.endpoints import Endpoint

_MODALITIES: Final = {
    Endpoint.IMAGE_EDITS: frozenset({"input_image", "output_image"}),
    Endpoint.TRANSCRIPTIONS: frozenset({"input_audio"}),
    Endpoint.TRANSLATIONS: frozenset({"input_audio"}),
    Endpoint.SPEECH: frozenset({"output_audio"}),
}
MEDIA_OPERATIONS: Final = tuple(_MODALITIES)
"""The operations whose parameters this module reads. In a tuple no member is hashed, which would cost twice as much."""

_MAX_CHARACTERS: Final = 4_096
"""As many as OpenAI speaks in one call (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""
_SSE: Final = "sse"
_STREAM_FORMATS: Final = frozenset({None, "audio", _SSE})
_REPORTING_FORMATS: Final[Mapping[Endpoint, tuple[str, ...]]] = {
    Endpoint.TRANSCRIPTIONS: ("json", "verbose_json", "diarized_json"),
    Endpoint.TRANSLATIONS: ("verbose_json",),
}
"""The formats of answers that say what the call used. The first one of a transcription is the default."""


def read_media_parameters(call: Call, endpoint: Endpoint) -> Parameters:
    """Returns the parameters of a call to one of `MEDIA_OPERATIONS`.

    Raises:
        RefusedError: the body has a fault, or asks for an answer that does not say what it used.
    """
    if endpoint is Endpoint.SPEECH:
        return _read_speech(call)
    require_form(call)
    facts = call.facts
    streams = boolean(facts, STREAM)
    if streams and not endpoint.streams:
        raise invalid(STREAM, "this operation cannot stream")
    _require_reporting_format(facts, endpoint)
    audio, images = encoded_bytes(count(facts, AUDIO_BYTES)), encoded_bytes(count(facts, IMAGE_BYTES))
    return Parameters(
        model=_model(facts),
        streams=streams,
        output_limit=None,
        choices=integer(N, facts[N], 1, MAX_CHOICES) if N in facts else 1,
        asks_for_usage=False,
        size=RequestSize(
            body_bytes=count(facts, TEXT_BYTES) + audio + images,
            audio_bytes=audio,
            images=count(facts, IMAGES),
            image_bytes=images,
        ),
        specials=Specials(Asked(modalities=_MODALITIES[endpoint])),
    )


def _read_speech(call: Call) -> Parameters:
    require_json(call)
    facts = call.facts
    model = _model(facts)
    stream_format = facts.get(STREAM_FORMAT)
    if stream_format not in _STREAM_FORMATS:
        raise invalid(STREAM_FORMAT, "it must be 'audio' or 'sse'")
    characters = count(facts, INPUT_CHARACTERS)
    if not 0 < characters <= _MAX_CHARACTERS:
        raise invalid("input", f"it must be a text of 1 to {_MAX_CHARACTERS} characters, with the name of a 'voice'")
    streams = stream_format == _SSE
    return Parameters(
        model=model,
        streams=streams,
        output_limit=None,
        choices=1,
        asks_for_usage=False,
        size=RequestSize(body_bytes=call.body_bytes, characters=characters),
        specials=Specials(Asked(modalities=_MODALITIES[Endpoint.SPEECH], is_unreported=not streams)),
    )


def _model(facts: Mapping[str, object]) -> str:
    model = facts.get(MODEL)
    if isinstance(model, str) and model:
        return model
    raise invalid(MODEL, "it is required and must be a string")


def _require_reporting_format(facts: Mapping[str, object], endpoint: Endpoint) -> None:
    """Refuses an answer that does not say what it used, because such a call has no price."""
    formats = _REPORTING_FORMATS.get(endpoint)
    if formats is None:
        return
    is_default = endpoint is Endpoint.TRANSCRIPTIONS and RESPONSE_FORMAT not in facts
    if not is_default and facts.get(RESPONSE_FORMAT) not in formats:
        shown = " or ".join(f"'{name}'" for name in formats)
        raise invalid(RESPONSE_FORMAT, f"it must be {shown}, because other answers do not say how much sound was heard")
