"""Sound is charged by the tokens, the seconds or the characters that its model is billed by."""

from typing import Any

import pytest

from tests.support.data.tenants import until_applied
from tests.support.forms import CONTENT_TYPE, field, file, form
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import (
    Script,
    Send,
    UntilClientLeaves,
    events,
    json_answer,
    stream,
    stream_head,
)

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
SPEECH = "/v1/audio/speech"
RECORDING = b"ID3" + bytes(7_997)
SECOND = 100_000
"""Nano-credits per second of whisper-1, and below per token of gpt-4o-transcribe and gpt-4o-mini-tts."""
AUDIO_IN, TEXT_IN, TEXT_OUT = 6_000, 2_500, 10_000
SPEECH_IN, SPEECH_OUT = 600, 12_000
USAGE = {
    "type": "tokens",
    "input_tokens": 120,
    "input_token_details": {"text_tokens": 20, "audio_tokens": 100},
    "output_tokens": 30,
    "total_tokens": 150,
}
SPEECH_BODY = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Grüße", "stream_format": "sse"}
SOUND = b"ID3" + bytes(range(256)) * 8


def recording(model: str = "whisper-1", **fields: str) -> bytes:
    return form(
        [file("file", RECORDING), field("model", model), *(field(name, value) for name, value in fields.items())]
    )


async def transcribe(metering: Metering, body: bytes, path: str = TRANSCRIPTIONS, **options: Any) -> Reply:
    return await metering.call(body, path, headers={"content-type": CONTENT_TYPE}, **options)


def sound(content: bytes = SOUND, content_type: str = "audio/mpeg") -> Script:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(content)}\r\n\r\n"
    return [Send(head.encode() + content)]


async def test_a_transcript_is_charged_by_its_tokens(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"text": "Hello.", "usage": USAGE}))
    body = recording("gpt-4o-transcribe", prompt="Names: Mia")
    reply = await transcribe(metering, body)
    assert (reply.status, reply.json["text"]) == (200, "Hello.")
    (request,) = metering.upstream.requests
    assert (request.path, request.body, request.header("content-type")) == (TRANSCRIPTIONS, body, CONTENT_TYPE)
    charged = await metering.charged()
    assert charged.nano_credits == 20 * TEXT_IN + 100 * AUDIO_IN + 30 * TEXT_OUT
    assert charged.tokens == {"input": 20, "input_audio": 100, "output": 30}
    assert (charged.source, charged.detail) == ("provider", "completed")
    assert charged.hold_nano_credits >= charged.nano_credits
    assert await metering.finding() is None


async def test_a_stream_reports_with_its_last_event(metering: Metering) -> None:
    delta = {"type": "transcript.text.delta", "delta": "Hello."}
    metering.upstream.answer(stream(delta, {"type": "transcript.text.done", "text": "Hello.", "usage": USAGE}))
    reply = await transcribe(metering, recording("gpt-4o-transcribe", stream="true"))
    assert "transcript.text.done" in reply.text
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source) == (20 * TEXT_IN + 100 * AUDIO_IN + 30 * TEXT_OUT, "provider")


async def test_after_a_hang_up_what_was_heard_and_delivered_is_charged(metering: Metering) -> None:
    delta = {"type": "transcript.text.delta", "delta": "Hello, you"}
    metering.upstream.answer([Send(stream_head()), *events(delta, delta), UntilClientLeaves()])
    await transcribe(metering, recording("gpt-4o-transcribe", stream="true"), hang_up_after_events=2)
    charged = await metering.charged()
    assert (charged.source, charged.detail) == ("estimated", "client_disconnected")
    assert charged.tokens["output"] == 5
    assert 10 <= charged.tokens["input_audio"] <= 30, "one second of sound, and some text"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"text": "Hello.", "usage": {"type": "duration", "seconds": 9}}, 9),
        ({"text": "Hello.", "duration": 8.470000267028809, "usage": {"type": "duration", "seconds": 9}}, 9),
        ({"text": "Hello.", "duration": 8.470000267028809}, 9),
        ({"text": "Hello.", "duration": "8.47"}, 9),
    ],
)
async def test_whisper_is_charged_by_the_second(metering: Metering, answer: dict[str, Any], seconds: int) -> None:
    metering.upstream.answer(json_answer(answer))
    assert (await transcribe(metering, recording(response_format="verbose_json"))).status == 200
    charged = await metering.charged()
    assert charged.lines == {"fee:audio_second": (seconds, seconds * SECOND)}
    assert (charged.source, charged.detail) == ("provider", "completed")
    assert charged.hold_nano_credits == 11 * SECOND, "8,000 bytes of at least 750 a second"
    assert await metering.finding() is None


async def test_a_translation_is_charged_by_its_duration(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"text": "Hello.", "duration": 61.2}))
    reply = await transcribe(metering, recording(response_format="verbose_json"), TRANSLATIONS)
    assert reply.status == 200
    charged = await metering.charged()
    assert charged.nano_credits == 62 * SECOND
    found = await metering.finding()
    assert found is not None
    assert found["kinds"] == ["implausible_size"], "a minute in 8,000 bytes"


async def test_without_a_report_the_usual_length_is_charged(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"text": "Hello."}))
    assert (await transcribe(metering, recording())).status == 200
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (SECOND, "estimated", "usage_omitted")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (TRANSCRIPTIONS, {"response_format": "text"}),
        (TRANSCRIPTIONS, {"response_format": "srt"}),
        (TRANSCRIPTIONS, {"response_format": "vtt"}),
        (TRANSLATIONS, {}),
        (TRANSLATIONS, {"response_format": "json"}),
    ],
)
async def test_an_answer_that_does_not_say_what_it_used_is_refused(
    metering: Metering, path: str, fields: dict[str, str]
) -> None:
    reply = await transcribe(metering, recording(**fields), path)
    assert (reply.status, reply.json["error"]["param"]) == (400, "response_format")
    assert "verbose_json" in reply.json["error"]["message"]
    assert not metering.upstream.requests


@pytest.mark.parametrize("name", ["openai/whisper-1"])
async def test_an_alias_becomes_the_name_of_the_provider(metering: Metering, name: str) -> None:
    metering.upstream.answer(json_answer({"text": "Hello.", "usage": {"type": "duration", "seconds": 1}}))
    assert (await transcribe(metering, recording(name))).status == 200
    (request,) = metering.upstream.requests
    assert request.body == recording("whisper-1")
    assert request.header("content-length") == str(len(request.body))
    assert (await metering.charged()).nano_credits == SECOND


async def test_a_large_recording_passes_as_it_is(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"text": "Hello.", "usage": {"type": "duration", "seconds": 1}}))
    body = form([field("model", "openai/whisper-1"), file("file", bytes(range(256)) * 4 * 25 * 1_024)])
    assert (await transcribe(metering, body)).status == 200
    (request,) = metering.upstream.requests
    assert request.body == body.replace(b"openai/whisper-1", b"whisper-1")
    await metering.charged()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form([file("file", RECORDING), field("model", "whisper-1"), field("model", "gpt-4o-transcribe")]), "twice"),
        (form([file("file", RECORDING)]), "'model': it is required"),
        (recording()[:-10], "before its last boundary"),
        (b'{"model":"whisper-1"}', "malformed"),
        (recording(stream="yes"), "true or false"),
    ],
)
async def test_a_form_that_is_not_clear_is_refused(metering: Metering, body: bytes, message: str) -> None:
    reply = await transcribe(metering, body)
    assert reply.status == 400
    assert message in reply.json["error"]["message"]
    assert not metering.upstream.requests


async def test_each_operation_takes_one_type_of_body(metering: Metering) -> None:
    for path, content_type in (
        (TRANSCRIPTIONS, "application/json"),
        (SPEECH, CONTENT_TYPE),
        ("/v1/chat/completions", CONTENT_TYPE),
    ):
        body = b'{"model":"whisper-1"}' if content_type != CONTENT_TYPE else recording()
        reply = await metering.call(body, path, headers={"content-type": content_type})
        assert (reply.status, reply.json["error"]["code"]) == (400, "unsupported_content_type")
    assert not metering.upstream.requests


async def test_refused_keys_models_and_budgets_reach_no_provider(metering: Metering) -> None:
    wrong = {"content-type": CONTENT_TYPE, "authorization": "Bearer mr-wrong"}
    assert (await metering.call(recording(), TRANSCRIPTIONS, headers=wrong)).status == 401
    assert (await transcribe(metering, recording("whisper-9"))).status == 404
    reply = await transcribe(metering, recording("gpt-4o"))
    assert (reply.status, reply.json["error"]["param"]) == (400, "model")
    assert (
        await transcribe(metering, recording("gpt-4o-transcribe", response_format="verbose_json"), TRANSLATIONS)
    ).status == 400
    await metering.tenant.guard("member", "mia", budget_nano_credits=10 * SECOND)
    await until_applied()
    assert (await transcribe(metering, recording())).status == 402
    assert (await metering.call({**SPEECH_BODY, "input": "a" * 4_096}, SPEECH)).status == 402
    assert not metering.upstream.requests


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
async def test_a_page_instead_of_a_transcript_is_free(metering: Metering, model: str) -> None:
    page = b"<html>Welcome</html>"
    metering.upstream.answer(sound(page, "text/html"))
    assert (await transcribe(metering, recording(model))).status == 502
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (0, "provider_error")


@pytest.mark.parametrize(("model", "price"), [("tts-1", 15_000), ("tts-1-hd", 30_000), ("openai/tts-1", 15_000)])
async def test_speech_is_charged_by_the_character(metering: Metering, model: str, price: int) -> None:
    metering.upstream.answer(sound())
    reply = await metering.call({"model": model, "voice": "alloy", "input": "Grüße 😀"}, SPEECH)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, SOUND, "audio/mpeg")
    charged = await metering.charged()
    assert charged.lines == {"fee:character": (7, 7 * price)}
    assert (charged.hold_nano_credits, charged.detail) == (7 * price, "completed")
    assert await metering.finding() is None


async def test_speech_with_events_is_charged_by_its_tokens(metering: Metering) -> None:
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    delta = {"type": "speech.audio.delta", "audio": "SUQzBAAAAAAA" * 500}
    metering.upstream.answer(stream(delta, delta, {"type": "speech.audio.done", "usage": usage}))
    reply = await metering.call(SPEECH_BODY, SPEECH)
    assert "speech.audio.done" in reply.text
    charged = await metering.charged()
    assert charged.nano_credits == 14 * SPEECH_IN + 101 * SPEECH_OUT
    assert (charged.tokens, charged.source) == ({"input": 14, "output_audio": 101}, "provider")


async def test_after_a_hang_up_speech_costs_what_its_text_is_expected_to_become(metering: Metering) -> None:
    delta = {"type": "speech.audio.delta", "audio": "SUQzBAAAAAAA" * 500}
    metering.upstream.answer([Send(stream_head()), *events(delta), UntilClientLeaves()])
    await metering.call(SPEECH_BODY, SPEECH, hang_up_after_events=1)
    charged = await metering.charged()
    assert (charged.tokens["output_audio"], charged.source) == (10, "estimated")


async def test_speech_that_does_not_say_what_it_used_is_refused(metering: Metering) -> None:
    for stream_format in ("audio", None):
        reply = await metering.call({**SPEECH_BODY, "stream_format": stream_format}, SPEECH)
        assert (reply.status, reply.json["error"]["param"]) == (400, "stream_format")
        assert "'sse'" in reply.json["error"]["message"]
    assert not metering.upstream.requests


@pytest.mark.parametrize(
    "changes",
    [{"input": "a" * 4_097}, {"input": ""}, {"voice": None}, {"voice": {"id": "voice_1"}}, {"stream_format": "x"}],
)
async def test_speech_that_cannot_be_priced_is_refused(metering: Metering, changes: dict[str, Any]) -> None:
    reply = await metering.call({**SPEECH_BODY, **changes}, SPEECH)
    assert reply.status == 400
    assert not metering.upstream.requests


async def test_sound_passes_only_for_speech(metering: Metering) -> None:
    metering.upstream.answer(sound())
    assert (await transcribe(metering, recording())).status == 502
    assert (await metering.charged()).nano_credits == 0


@pytest.mark.parametrize(
    "script", [sound(b"<html></html>", "text/html"), json_answer({"error": {"type": "server_error", "message": "no"}})]
)
async def test_speech_that_fails_with_a_status_of_success_is_free(metering: Metering, script: Script) -> None:
    metering.upstream.answer(script)
    await metering.call({"model": "tts-1", "voice": "alloy", "input": "Hello."}, SPEECH)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (0, "provider_error")


async def test_speech_that_breaks_off_is_charged(metering: Metering) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 100000\r\n\r\n"
    metering.upstream.answer([Send(head + SOUND), UntilClientLeaves()])
    await metering.call({"model": "tts-1", "voice": "alloy", "input": "Hello."}, SPEECH, hang_up_after_bytes=1)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (6 * 15_000, "client_disconnected")
