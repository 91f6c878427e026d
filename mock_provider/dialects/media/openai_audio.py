"""OpenAI's sound: transcripts and translations of forms, and speech."""

import base64
import re
from collections.abc import Iterator

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Event,
    FormFile,
    Job,
    JsonObject,
    NeverStreamed,
    RefusalError,
    Request,
    demand_of,
    encode,
    encode_named_event,
    required_model,
)
from mock_provider.dialects.openai_dialect import OpenaiDialect, error_object
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_BYTES_PER_SECOND = 8_000
_TOKENS_PER_SECOND = 10
_BYTES_PER_TOKEN = 4
_HEARING = re.compile(r"whisper-1|gpt-4o(-mini)?-transcribe(-diarize)?")
_SPEAKING = re.compile(r"tts-1(-hd)?|gpt-4o-mini-tts")
_BY_DURATION = "whisper-"
_BY_CHARACTER = "tts-"
_SOUND = b"ID3" + bytes(1_021)
_CHARACTERS_MAX = 4_096


class _Audio(OpenaiDialect):
    features = Features(cache_read=False, reasoning=False)

    @override
    def response_id(self, serial: str) -> str:
        return ""

    @override
    def error_event(self, job: Job) -> Event:
        return _event({"type": "error", **error_object(500, "The server had an error while processing your request")})


class OpenaiTranscriptions(_Audio):
    """OpenAI's `/audio/transcriptions` endpoint. A recording has 8,000 bytes a second and 10 tokens a second."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = _known_model(body, _HEARING)
        sound = body.get("file")
        if not isinstance(sound, FormFile) or not sound.content:
            raise RefusalError("file: expected a file", parameter="file")
        seconds = -(-len(sound.content) // _BYTES_PER_SECOND)
        units = seconds if model.startswith(_BY_DURATION) else seconds * _TOKENS_PER_SECOND
        content = {"model": model, "prompt": body.get("prompt"), "sound": "s" * units * _BYTES_PER_TOKEN}
        demand = demand_of(content, model=model, content=("prompt", "sound"))
        streamed = body.get("stream") == "true" and not model.startswith(_BY_DURATION)
        return Request(body, model, streamed, demand)

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {
            "type": "tokens",
            "input_tokens": plan.input_total,
            "input_token_details": {"text_tokens": 0, "audio_tokens": plan.input_total},
            "output_tokens": plan.output_total,
            "total_tokens": plan.input_total + plan.output_total,
        }

    @override
    def final_usage(self, job: Job) -> JsonObject:
        seconds = self.units(job).get("audio_seconds")
        return super().final_usage(job) if seconds is None else {"type": "duration", "seconds": seconds}

    @override
    def units(self, job: Job) -> dict[str, int]:
        return {"audio_seconds": job.plan.input_total} if job.request.model.startswith(_BY_DURATION) else {}

    @override
    def answer(self, job: Job) -> Answer:
        form = job.request.body.get("response_format", "json")
        text = job.choice_text(0, job.plan.visible)
        if form in {"text", "srt", "vtt"}:
            return Answer(text.encode(), job.plan.visible, None, "text/plain; charset=utf-8")
        usage = self.reported_usage(job)
        answer: JsonObject = {"text": text}
        if form == "verbose_json":
            answer = {"task": "transcribe", "language": "english", "duration": job.plan.input_total - 0.5, **answer}
        if usage is not None:
            answer["usage"] = usage
        return Answer(encode(answer), job.plan.visible, usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        for text, tokens in job.stream_pieces(0, job.plan.visible):
            yield _event({"type": "transcript.text.delta", "delta": text}, tokens)
        usage = self.reported_usage(job)
        done: JsonObject = {"type": "transcript.text.done", "text": job.choice_text(0, job.plan.visible)}
        yield _event(done if usage is None else done | {"usage": usage}, usage=usage)


class OpenaiTranslations(NeverStreamed, OpenaiTranscriptions):
    """OpenAI's `/audio/translations` endpoint, whose answers have no usage."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        if body.get("model") != "whisper-1":
            raise RefusalError("The model does not translate", status=404, parameter="model")
        return super().read(body, route)

    @override
    def reported_usage(self, job: Job) -> JsonObject | None:
        return None


class OpenaiSpeech(_Audio):
    """OpenAI's `/audio/speech` endpoint."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = _known_model(body, _SPEAKING)
        text, form = body.get("input"), body.get("stream_format", "audio")
        if not isinstance(text, str) or not 0 < len(text) <= _CHARACTERS_MAX:
            raise RefusalError(f"input: expected a text of 1 to {_CHARACTERS_MAX} characters", parameter="input")
        if not isinstance(body.get("voice"), str):
            raise RefusalError("voice: expected a string", parameter="voice")
        if form not in {"audio", "sse"} or (form == "sse" and model.startswith(_BY_CHARACTER)):
            raise RefusalError("stream_format: not supported", parameter="stream_format")
        demand = demand_of(body, model=model, content=("input", "instructions"))
        return Request(body, model, form == "sse", demand)

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        total = plan.input_total + plan.output_total
        return {"input_tokens": plan.input_total, "output_tokens": plan.output_total, "total_tokens": total}

    @override
    def final_usage(self, job: Job) -> JsonObject:
        return {} if self.units(job) else super().final_usage(job)

    @override
    def units(self, job: Job) -> dict[str, int]:
        request = job.request
        return {"characters": len(request.body["input"])} if request.model.startswith(_BY_CHARACTER) else {}

    @override
    def answer(self, job: Job) -> Answer:
        return Answer(_SOUND, job.plan.visible, None, "audio/mpeg")

    @override
    def events(self, job: Job) -> Iterator[Event]:
        for _, tokens in job.stream_pieces(0, job.plan.visible):
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(_SOUND).decode()}, tokens)
        usage = self.reported_usage(job)
        done: JsonObject = {"type": "speech.audio.done"}
        yield _event(done if usage is None else done | {"usage": usage}, usage=usage)


def _known_model(body: JsonObject, names: re.Pattern[str]) -> str:
    """Returns the model, which must be one of the provider's own names."""
    model = required_model(body)
    if not names.fullmatch(model):
        raise RefusalError(f"The model `{model}` does not exist", status=404, parameter="model")
    return model


def _event(value: JsonObject, tokens: int = 0, usage: JsonObject | None = None) -> Event:
    return Event(encode_named_event(value), tokens, usage, usage is not None)
