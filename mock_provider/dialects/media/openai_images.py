"""OpenAI images. A stream has the picture in its last event, with the usage."""

import base64
from collections.abc import Iterator
from dataclasses import replace

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Event,
    FormFile,
    Job,
    JsonObject,
    RefusalError,
    Request,
    choice_count,
    demand_of,
    encode,
    encode_named_event,
    optional_boolean,
    required_model,
)
from mock_provider.dialects.openai_dialect import OpenaiDialect, error_object
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_PICTURE_TOKENS = 300
_PICTURE = base64.b64encode(b"\x89PNG" + bytes(60)).decode()


class OpenaiImages(OpenaiDialect):
    """OpenAI's `/images/generations` endpoint."""

    features = Features(cache_read=False, reasoning=False)
    event_name = "image_generation"

    @override
    def response_id(self, serial: str) -> str:
        return ""  # Pictures have no id.

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {
            "input_tokens": plan.input_total,
            "input_tokens_details": {"text_tokens": plan.input_total, "image_tokens": 0},
            "output_tokens": plan.output_total,
            "total_tokens": plan.input_total + plan.output_total,
        }

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        if not isinstance(body.get("prompt"), str) or not body["prompt"]:
            raise RefusalError("prompt: expected a non-empty string", parameter="prompt")
        count = choice_count(body, "n")
        demand = demand_of(body, model=model, content=("prompt",), choices=count, generated=count)
        return Request(body, model, optional_boolean(body, "stream"), demand)

    @override
    def answer(self, job: Job) -> Answer:
        usage = self.reported_usage(job)
        answer: JsonObject = {"created": job.created_s, "data": [{"b64_json": _PICTURE}] * job.request.demand.choices}
        if usage is not None:
            answer["usage"] = usage
        return Answer(encode(answer), job.plan.visible, usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        partial = {"type": f"{self.event_name}.partial_image", "partial_image_index": 0, "b64_json": _PICTURE}
        yield _event(partial)
        usage = self.reported_usage(job)
        whole: JsonObject = {"type": f"{self.event_name}.completed", "b64_json": _PICTURE}
        yield _event(whole if usage is None else whole | {"usage": usage}, job.plan.visible, usage)

    @override
    def error_event(self, job: Job) -> Event:
        return _event({"type": "error", **error_object(500, "The server had an error while processing your request")})


class OpenaiImageEdits(OpenaiImages):
    """OpenAI's `/images/edits` endpoint, whose body is a form. A picture takes 300 tokens."""

    event_name = "image_edit"

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        text = plan.input_total % _PICTURE_TOKENS
        details = {"text_tokens": text, "image_tokens": plan.input_total - text}
        return {**super().usage(plan, habits), "input_tokens_details": details}

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        files = body.get("image")
        pictures = files if isinstance(files, list) else [files]
        if not all(isinstance(picture, FormFile) and picture.content for picture in pictures):
            raise RefusalError("image: expected files", parameter="image")
        count = body.get("n", "1")
        if not isinstance(count, str) or not count.isdecimal():
            raise RefusalError("n: expected an integer", parameter="n")
        content = {**body, "n": int(count), "stream": body.get("stream") == "true"}
        read = super().read(content, route)
        size = read.demand.text_bytes + 4 * _PICTURE_TOKENS * len(pictures)
        return replace(read, demand=replace(read.demand, text_bytes=size))


def _event(value: JsonObject, tokens: int = 0, usage: JsonObject | None = None) -> Event:
    return Event(encode_named_event(value), tokens, usage, usage is not None)
