"""OpenAI Responses: a stream of typed events. The last one repeats the whole response with its usage."""

from collections.abc import Iterator

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Event,
    Job,
    JsonObject,
    RefusalError,
    Request,
    demand_of,
    encode,
    encode_named_event,
    optional_boolean,
    optional_count,
    padding_for,
    required_model,
)
from mock_provider.dialects.demanded_forms import Form, called_tool, text_by_schema
from mock_provider.dialects.openai_dialect import OpenaiDialect, required_input
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_ECHOED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


class OpenaiResponses(OpenaiDialect):
    """OpenAI's `/responses` endpoint."""

    features = Features(cache_write=True)

    @override
    def response_id(self, serial: str) -> str:
        return f"resp_{serial}"

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {
            "input_tokens": plan.input_total,
            "input_tokens_details": {"cached_tokens": plan.cache_read, "cache_write_tokens": plan.cache_write_5m},
            "output_tokens": plan.output_total,
            "output_tokens_details": {"reasoning_tokens": plan.reasoning},
            "total_tokens": plan.input_total + plan.output_total,
        }

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        required_input(body)
        streamed = optional_boolean(body, "stream")
        options = body.get("stream_options")
        if options is not None and not streamed:
            raise RefusalError(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.", parameter="stream_options"
            )
        if isinstance(options, dict) and "include_usage" in options:
            raise RefusalError(
                "Unknown parameter: 'stream_options.include_usage'.", parameter="stream_options.include_usage"
            )
        limit = optional_count(body, "max_output_tokens")
        demand = demand_of(body, model=model, content=("input", "instructions", "tools"), output_limit=limit)
        return Request(body, model, streamed, demand, obfuscated=streamed, form=_form(body))

    @override
    def answer(self, job: Job) -> Answer:
        response, usage = self._finished(job)
        return Answer(encode(response), job.plan.visible, usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        for number, (kind, fields, tokens, usage) in enumerate(self._steps(job)):
            event = {"type": kind, "sequence_number": number, **fields}
            yield Event(encode_named_event(event), tokens, usage, usage is not None)

    @override
    def error_event(self, job: Job) -> Event:
        response = self._response(job, "failed", [])
        response["error"] = {"code": "server_error", "message": "The model failed to generate a response."}
        event = {"type": "response.failed", "sequence_number": 1_000_000, "response": response}
        return Event(encode_named_event(event))

    def _steps(self, job: Job) -> Iterator[tuple[str, JsonObject, int, JsonObject | None]]:
        """Yields (event type, its fields, visible tokens, usage) for each event."""
        started = self._response(job, "in_progress", [])
        yield "response.created", {"response": started}, 0, None
        yield "response.in_progress", {"response": started}, 0, None
        yield "response.output_item.added", {"output_index": 0, "item": _item(job, "in_progress", "")}, 0, None
        for kind, fields, size in _text_steps(job) if job.tool_call is None else _call_steps(job):
            yield kind, fields, size, None
        item = _item(job, _status(job), job.choice_text(0, job.plan.visible))
        yield "response.output_item.done", {"output_index": 0, "item": item}, 0, None
        response, usage = self._finished(job)
        yield f"response.{_status(job)}", {"response": response}, 0, usage

    def _finished(self, job: Job) -> tuple[JsonObject, JsonObject | None]:
        item = _item(job, _status(job), job.choice_text(0, job.plan.visible))
        response = self._response(job, _status(job), [item])
        if job.plan.truncated:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        if job.controls.event_bytes:
            response["instructions"] = padding_for(job.controls.event_bytes, len(encode(response)))
        usage = self.reported_usage(job)
        del response["usage"]  # Moved to the end, after any large field.
        response["usage"] = usage
        return response, usage

    def _response(self, job: Job, status: str, output: list[JsonObject]) -> JsonObject:
        body = job.request.body
        return {
            "id": self.response_id(job.serial),
            "object": "response",
            "created_at": job.created_s,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": job.request.model,
            "output": output,
            "service_tier": "default",
            **{field: body.get(field, default) for field, default in _ECHOED.items()},
            "usage": None,
        }


def _status(job: Job) -> str:
    return "incomplete" if job.plan.truncated else "completed"


def _form(body: JsonObject) -> Form | None:
    choice, text = body.get("tool_choice"), body.get("text")
    if choice == "required":
        return called_tool(body.get("tools"))
    if isinstance(choice, dict) and choice.get("type") == "function":
        return called_tool(body.get("tools"), choice.get("name"))
    form = text.get("format") if isinstance(text, dict) else None
    return text_by_schema(form.get("schema")) if isinstance(form, dict) else None


def _text_steps(job: Job) -> Iterator[tuple[str, JsonObject, int]]:
    place: JsonObject = {"item_id": _item_id(job), "output_index": 0, "content_index": 0}
    text = job.choice_text(0, job.plan.visible)
    yield "response.content_part.added", place | {"part": _part("")}, 0
    for piece, size in job.stream_pieces(0, job.plan.visible):
        delta = {"delta": piece, "logprobs": [], "obfuscation": "x" * (1 + (size + job.first_word) % 16)}
        yield "response.output_text.delta", place | delta, size
    yield "response.output_text.done", place | {"text": text, "logprobs": []}, 0
    yield "response.content_part.done", place | {"part": _part(text)}, 0


def _call_steps(job: Job) -> Iterator[tuple[str, JsonObject, int]]:
    place: JsonObject = {"item_id": _item_id(job), "output_index": 0}
    for piece, size in job.stream_pieces(0, job.plan.visible):
        yield "response.function_call_arguments.delta", place | {"delta": piece}, size
    done = {"name": job.tool_call.tool if job.tool_call else None, "arguments": job.choice_text(0, job.plan.visible)}
    yield "response.function_call_arguments.done", place | done, 0


def _item_id(job: Job) -> str:
    return f"{'msg' if job.tool_call is None else 'fc'}_{job.serial}"


def _item(job: Job, status: str, text: str) -> JsonObject:
    """Returns the only item of the output, with this text; in the first event of a stream it is empty."""
    item: JsonObject = {"id": _item_id(job), "status": status}
    if job.tool_call is None:
        return item | {"type": "message", "role": "assistant", "content": [_part(text)] if text else []}
    call = {"call_id": f"call_{job.serial}", "name": job.tool_call.tool, "arguments": text}
    return item | {"type": "function_call", **call}


def _part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
