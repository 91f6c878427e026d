"""Parameters of calls about sound and pictures."""

from typing import Any

import pytest

from authz_service.request.call import Call
from authz_service.request.parameters import read_parameters
from gateway_core.contract.form_faults import FORM_FAULTS
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.endpoints import Endpoint, ModelCall
from tests.support.data.examples import call

FORM = "multipart/form-data; boundary=abc"
HEARD = {"model": "whisper-1", "audios": 1.0, "audio_bytes": 3_000.0, "text_bytes": 20.0}
SPOKEN = {"model": "tts-1", "input_characters": 5.0, "stream_format": "sse"}


def form(facts: dict[str, Any], content_type: str = FORM, **changes: Any) -> Call:
    return call(facts, content_type=content_type, **changes)


def read(asked: Call, endpoint: Endpoint) -> Parameters:
    parameters = read_parameters(asked, ModelCall(endpoint))
    assert isinstance(parameters, Parameters), parameters
    return parameters


def refused(asked: Call, endpoint: Endpoint) -> Refusal:
    refusal = read_parameters(asked, ModelCall(endpoint))
    assert isinstance(refusal, Refusal)
    return refusal


def test_a_recording_is_read() -> None:
    parameters = read(form({**HEARD, "stream": True, "response_format": "json"}), Endpoint.TRANSCRIPTIONS)
    assert (parameters.model, parameters.streams, parameters.choices) == ("whisper-1", True, 1)
    assert parameters.size == RequestSize(body_bytes=4_020, audio_bytes=4_000)
    assert parameters.size.text_bytes == 20
    assert parameters.specials is not None
    assert parameters.specials.asked.modalities == {"input_audio"}
    assert not parameters.specials.asked.is_unreported


def test_pictures_are_read() -> None:
    facts = {"model": "m", "images": 2.0, "image_bytes": 300.0, "n": 3.0}
    parameters = read(form(facts), Endpoint.IMAGE_EDITS)
    assert parameters.choices == 3
    assert parameters.size == RequestSize(body_bytes=400, images=2, image_bytes=400)
    assert parameters.specials is not None
    assert parameters.specials.asked.modalities == {"input_image", "output_image"}


@pytest.mark.parametrize(("stream_format", "streams"), [("sse", True), ("audio", False), (None, False)])
def test_a_text_to_be_spoken_is_read(stream_format: str | None, streams: bool) -> None:  # noqa: FBT001
    facts = {**SPOKEN, "stream_format": stream_format}
    parameters = read(call({name: value for name, value in facts.items() if value}), Endpoint.SPEECH)
    assert parameters.streams == streams
    assert parameters.size == RequestSize(body_bytes=100, characters=5)
    assert parameters.specials is not None
    assert parameters.specials.asked.is_unreported != streams
    assert parameters.specials.asked.modalities == {"output_audio"}


@pytest.mark.parametrize("name", ["json", "verbose_json", "diarized_json", None])
def test_a_transcript_that_says_what_was_heard_may_be_asked_for(name: str | None) -> None:
    facts = HEARD if name is None else {**HEARD, "response_format": name}
    assert read(form(facts), Endpoint.TRANSCRIPTIONS).model == "whisper-1"


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        *((Endpoint.TRANSCRIPTIONS, name) for name in ("text", "srt", "vtt", "", "JSON")),
        *((Endpoint.TRANSLATIONS, name) for name in (None, "json", "text", "srt", "vtt", "diarized_json")),
    ],
)
def test_another_answer_is_refused(endpoint: Endpoint, name: str | None) -> None:
    facts = HEARD if name is None else {**HEARD, "response_format": name}
    refusal = refused(form(facts), endpoint)
    assert (refusal.reason, refusal.parameter) == (RefusalReason.INVALID_PARAMETER, "response_format")


@pytest.mark.parametrize(
    ("endpoint", "asked", "parameter"),
    [
        (Endpoint.TRANSCRIPTIONS, form({"audios": 1.0}), "model"),
        (Endpoint.TRANSCRIPTIONS, form({**HEARD, "model": ""}), "model"),
        (Endpoint.TRANSCRIPTIONS, form({**HEARD, "stream": "yes"}), "stream"),
        (Endpoint.TRANSLATIONS, form({**HEARD, "stream": True, "response_format": "verbose_json"}), "stream"),
        (Endpoint.IMAGE_EDITS, form({"model": "m", "n": "two"}), "n"),
        (Endpoint.IMAGE_EDITS, form({"model": "m", "n": 129.0}), "n"),
        (Endpoint.SPEECH, call({"model": "m"}), "input"),
        (Endpoint.SPEECH, call({**SPOKEN, "input_characters": 4_097.0}), "input"),
        (Endpoint.SPEECH, call({**SPOKEN, "stream_format": "x"}), "stream_format"),
        (Endpoint.SPEECH, call({**SPOKEN, "stream_format": 1.0}), "stream_format"),
        (Endpoint.SPEECH, call({"input_characters": 5.0}), "model"),
    ],
)
def test_a_wrong_parameter_is_named(endpoint: Endpoint, asked: Call, parameter: str) -> None:
    refusal = refused(asked, endpoint)
    assert (refusal.reason, refusal.parameter) == (RefusalReason.INVALID_PARAMETER, parameter)


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/mixed; boundary=abc", "", "multipart/form-dataX"]
)
def test_an_operation_with_files_takes_forms(content_type: str) -> None:
    refusal = refused(form(HEARD, content_type), Endpoint.TRANSCRIPTIONS)
    assert refusal.reason is RefusalReason.UNSUPPORTED_CONTENT_TYPE


@pytest.mark.parametrize("endpoint", [Endpoint.SPEECH, Endpoint.CHAT_COMPLETIONS, Endpoint.IMAGES])
def test_all_others_take_json(endpoint: Endpoint) -> None:
    assert refused(form(SPOKEN), endpoint).reason is RefusalReason.UNSUPPORTED_CONTENT_TYPE


@pytest.mark.parametrize("fault", FORM_FAULTS)
def test_a_form_that_the_module_refused_says_why(fault: str) -> None:
    refusal = refused(form({"unreadable": fault}), Endpoint.IMAGE_EDITS)
    assert (refusal.reason, refusal.message) == (RefusalReason.UNREADABLE_BODY, FORM_FAULTS[fault])


def test_an_empty_or_compressed_form_is_refused() -> None:
    assert refused(form({}, body_bytes=0), Endpoint.TRANSCRIPTIONS).reason is RefusalReason.UNREADABLE_BODY
    compressed = refused(form(HEARD, content_encoding="gzip"), Endpoint.TRANSCRIPTIONS)
    assert compressed.reason is RefusalReason.UNSUPPORTED_CONTENT_ENCODING
