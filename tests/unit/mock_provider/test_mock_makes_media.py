"""The mock provider takes forms, and hears, speaks, and makes and edits pictures as OpenAI does."""

import base64
import json
from typing import Any

import pytest

from mock_provider.dialects import RefusalError
from mock_provider.forms import read_form
from tests.support.forms import BOUNDARY, CONTENT_TYPE, field, file, form
from tests.support.servers.mock_process import MockProcess, control_headers

RECORDING = file("file", bytes(16_000))
IMAGES = "/v1/images/generations"
PICTURE = {"model": "gpt-image-x", "prompt": "A sea otter"}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Grüße"}


def post(
    mock: MockProcess, path: str, body: bytes, content_type: str = CONTENT_TYPE, **controls: int
) -> tuple[int, bytes]:
    status, _, answer = mock.request("POST", path, body, {"content-type": content_type, **control_headers(**controls)})
    return status, answer


def test_whisper_reports_seconds(mock: MockProcess) -> None:
    status, answer = post(
        mock, "/v1/audio/transcriptions", form([RECORDING, field("model", "whisper-1")]), input_tokens=9
    )
    assert (status, json.loads(answer)["usage"]) == (200, {"type": "duration", "seconds": 9})
    call = mock.call()
    assert (call["units"], call["counts"]["input_uncached"]) == ({"audio_seconds": 9}, 0)


def test_other_models_report_tokens_of_sound(mock: MockProcess) -> None:
    body = form([RECORDING, field("model", "gpt-4o-transcribe"), field("stream", "true")])
    status, answer = post(mock, "/v1/audio/transcriptions", body, input_tokens=20, output_tokens=7)
    last = json.loads(answer.decode().strip().rpartition("data: ")[2])
    assert (status, last["type"], last["usage"]["input_token_details"]) == (
        200, "transcript.text.done", {"text_tokens": 0, "audio_tokens": 20},
    )  # fmt: skip
    assert mock.call()["counts"]["output"] == 7


@pytest.mark.parametrize("form_of_answer", ["text", "srt", "vtt"])
def test_plain_answers_report_nothing(mock: MockProcess, form_of_answer: str) -> None:
    body = form([RECORDING, field("model", "whisper-1"), field("response_format", form_of_answer)])
    status, answer = post(mock, "/v1/audio/transcriptions", body)
    assert status == 200
    assert b"usage" not in answer
    assert mock.call()["usage_reported"] == "none"


def test_a_translation_has_a_duration_and_no_usage(mock: MockProcess) -> None:
    body = form([RECORDING, field("model", "whisper-1"), field("response_format", "verbose_json")])
    status, answer = post(mock, "/v1/audio/translations", body, input_tokens=9)
    document = json.loads(answer)
    assert (status, document["duration"], "usage" in document) == (200, 8.5, False)


def test_speech_is_sound(mock: MockProcess) -> None:
    status, answer = post(mock, "/v1/audio/speech", json.dumps(SPEECH).encode(), "application/json")
    assert (status, answer[:3]) == (200, b"ID3")
    assert mock.call()["units"] == {"characters": 5}


def test_speech_with_events_reports_tokens(mock: MockProcess) -> None:
    body = {**SPEECH, "model": "gpt-4o-mini-tts", "stream_format": "sse"}
    status, answer = post(
        mock, "/v1/audio/speech", json.dumps(body).encode(), "application/json", input_tokens=3, output_tokens=40
    )
    events = [
        json.loads(line.removeprefix("data: ")) for line in answer.decode().splitlines() if line.startswith("data: ")
    ]
    assert status == 200
    assert base64.b64decode(events[0]["audio"])[:3] == b"ID3"
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 40, "total_tokens": 43},
    }


def test_an_edit_counts_its_pictures(mock: MockProcess) -> None:
    parts = [file("image[]", b"x"), file("image[]", b"y"), field("model", "gpt-image-1"), field("prompt", "hat")]
    status, answer = post(mock, "/v1/images/edits", form(parts), output_tokens=8)
    usage = json.loads(answer)["usage"]
    assert (status, usage["input_tokens_details"]["image_tokens"], usage["output_tokens"]) == (200, 600, 8)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/audio/transcriptions", form([RECORDING, field("model", "openai/whisper-1")]), 404),
        ("/v1/audio/transcriptions", form([field("model", "whisper-1")]), 400),
        ("/v1/audio/transcriptions", form([RECORDING, field("model", "whisper-1")])[:-4], 400),
        ("/v1/audio/translations", form([RECORDING, field("model", "gpt-4o-transcribe")]), 404),
        ("/v1/images/edits", form([field("image", "x"), field("model", "m"), field("prompt", "p")]), 400),
        ("/v1/audio/speech", form([RECORDING]), 415),
    ],
)
def test_what_openai_refuses_is_refused(mock: MockProcess, path: str, body: bytes, status: int) -> None:
    assert post(mock, path, body)[0] == status


@pytest.mark.parametrize(
    "changes", [{"input": ""}, {"voice": None}, {"stream_format": "sse"}, {"model": "openai/tts-1"}]
)
def test_speech_that_openai_refuses_is_refused(mock: MockProcess, changes: dict[str, Any]) -> None:
    body = json.dumps({**SPEECH, **changes}).encode()
    assert post(mock, "/v1/audio/speech", body, "application/json")[0] in {400, 404}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form([field("a", "1"), field("a", "2")]), CONTENT_TYPE),
        (form([field("a", "1"), field("a[]", "2")]), CONTENT_TYPE),
        (form([b"x"]), CONTENT_TYPE),
        (form([b'content-disposition: form-data; name="a"\r\n\r\n\xff']), CONTENT_TYPE),
        (b"x" + form([field("a", "1")]), CONTENT_TYPE),
        (form([field("a", "1")]), "multipart/form-data"),
    ],
)
def test_a_malformed_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(RefusalError):
        read_form(content_type, body)


def test_the_boundary_may_be_quoted() -> None:
    assert read_form(f'multipart/form-data; boundary="{BOUNDARY}"', form([field("a", "1")])) == {"a": "1"}


def test_each_picture_is_in_the_answer_and_all_are_in_the_usage(mock: MockProcess) -> None:
    status, answer = mock.post(IMAGES, PICTURE | {"n": 2}, input_tokens=12, output_tokens=8_000)
    assert (status, len(answer["data"])) == (200, 2)
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (12, 8_000)
    assert mock.call()["counts"]["output"] == 8_000


@pytest.mark.parametrize("body", [{"prompt": "x"}, {"model": "m"}, PICTURE | {"n": 0}, PICTURE | {"prompt": ""}])
def test_pictures_that_openai_refuses_are_refused(mock: MockProcess, body: dict[str, Any]) -> None:
    assert mock.post(IMAGES, body)[0] == 400
