"""Anthropic Messages: input usage at the start of a stream, cumulative output usage at its end."""

from collections.abc import Iterator

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Dialect,
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
    required_items,
    required_model,
)
from mock_provider.dialects.demanded_forms import Form, called_tool, text_by_schema
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_FIRST_OUTPUT_TOKENS = 3


class AnthropicMessages(Dialect):
    """Anthropic's `/messages` endpoint."""

    name = "anthropic"
    features = Features(cache_write=True, cache_write_1h=True, cache_write_by_default=True)

    @override
    def stream_content_type(self, job: Job) -> str:
        return "text/event-stream; charset=utf-8"

    @override
    def response_id(self, serial: str) -> str:
        return f"msg_{serial}"

    @override
    def response_headers(self, serial: str) -> dict[str, str]:
        return {"request-id": f"req_{serial}"}

    @override
    def error(self, status: int, message: str, parameter: str | None = None) -> bytes:
        kind = _ERROR_TYPES.get(status, "api_error")
        return encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": None})

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        usage = _input_usage(plan) | {"output_tokens": plan.output_total, "service_tier": "standard"}
        if plan.reasoning:
            usage["output_tokens_details"] = {"thinking_tokens": plan.reasoning}
        return usage

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        limit = optional_count(body, "max_tokens", minimum=0)
        if limit is None:
            raise RefusalError("max_tokens: Field required", parameter="max_tokens")
        required_items(body, "messages")
        streamed = optional_boolean(body, "stream")
        if "stream_options" in body:
            raise RefusalError("stream_options: Extra inputs are not permitted", parameter="stream_options")
        demand = demand_of(body, model=model, content=("system", "messages", "tools"), output_limit=limit)
        return Request(body, model, streamed, demand, form=_form(body))

    @override
    def answer(self, job: Job) -> Answer:
        message = self._message(job, [_block(job, job.choice_text(0, job.plan.visible))])
        message |= {"stop_reason": _stop_reason(job), "stop_sequence": None}
        if job.controls.event_bytes:
            message["padding"] = padding_for(job.controls.event_bytes, len(encode(message)))
        usage = self.reported_usage(job)
        if usage is not None:
            message["usage"] = usage
        return Answer(encode(message), job.plan.visible, usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        yield self._start(job)
        yield _event({"type": "content_block_start", "index": 0, "content_block": _block(job, "")})
        yield _event({"type": "ping"})
        for text, size in job.stream_pieces(0, job.plan.visible):
            called = job.tool_call is not None
            delta = (
                {"type": "input_json_delta", "partial_json": text} if called else {"type": "text_delta", "text": text}
            )
            yield _event({"type": "content_block_delta", "index": 0, "delta": delta}, tokens=size)
        yield _event({"type": "content_block_stop", "index": 0})
        yield from self._deltas(job)
        yield _event({"type": "message_stop"})

    @override
    def error_event(self, job: Job) -> Event:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return _event({"type": "error", "error": error})

    def _start(self, job: Job) -> Event:
        message = self._message(job, []) | {"stop_reason": None, "stop_sequence": None}
        usage: JsonObject | None = None
        if job.reports_usage:
            first = min(_FIRST_OUTPUT_TOKENS, job.plan.output_total)
            usage = _input_usage(job.plan) | {"output_tokens": first, "service_tier": "standard"}
            message["usage"] = usage
        return _event({"type": "message_start", "message": message}, usage=usage)

    def _deltas(self, job: Job) -> Iterator[Event]:
        """Yields the message_delta events. Their usage is cumulative, so only the last one is the bill."""
        count = job.controls.message_deltas
        for number in range(1, count + 1):
            last = number == count
            delta = {"stop_reason": _stop_reason(job) if last else None, "stop_sequence": None}
            event: JsonObject = {"type": "message_delta", "delta": delta}
            if last and job.controls.event_bytes:
                event["padding"] = padding_for(job.controls.event_bytes, len(encode(event)))
            usage = _delta_usage(job.plan, job.plan.output_total * number // count) if job.reports_usage else None
            if usage is not None:
                event["usage"] = usage
            yield _event(event, usage=usage, final=last and usage is not None)

    def _message(self, job: Job, content: list[JsonObject]) -> JsonObject:
        return {
            "id": self.response_id(job.serial),
            "type": "message",
            "role": "assistant",
            "model": job.request.model,
            "content": content,
        }


def _input_usage(plan: UsagePlan) -> JsonObject:
    return {
        "input_tokens": plan.input_uncached,
        "cache_creation_input_tokens": plan.cache_write_5m + plan.cache_write_1h,
        "cache_read_input_tokens": plan.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": plan.cache_write_5m,
            "ephemeral_1h_input_tokens": plan.cache_write_1h,
        },
    }


def _delta_usage(plan: UsagePlan, output_tokens: int) -> JsonObject:
    """Returns the usage without the split of cache writes by lifetime, which only message_start has."""
    usage: JsonObject = {
        "input_tokens": plan.input_uncached,
        "cache_creation_input_tokens": plan.cache_write_5m + plan.cache_write_1h,
        "cache_read_input_tokens": plan.cache_read,
        "output_tokens": output_tokens,
    }
    if plan.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": min(plan.reasoning, output_tokens)}
    return usage


def _form(body: JsonObject) -> Form | None:
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        return called_tool(body.get("tools"), choice.get("name"))
    config = body.get("output_config")
    form = config.get("format") if isinstance(config, dict) else body.get("output_format")
    return text_by_schema(form.get("schema")) if isinstance(form, dict) else None


def _block(job: Job, text: str) -> JsonObject:
    """Returns the only block of content, with this text; in the first event of a stream it is empty."""
    form = job.tool_call
    if form is None:
        return {"type": "text", "text": text}
    return {
        "type": "tool_use",
        "id": f"toolu_{job.serial}",
        "name": form.tool,
        "input": form.arguments if text else {},
    }


def _stop_reason(job: Job) -> str:
    if job.plan.truncated:
        return "max_tokens"
    return "end_turn" if job.tool_call is None else "tool_use"


def _event(event: JsonObject, *, tokens: int = 0, usage: JsonObject | None = None, final: bool = False) -> Event:
    return Event(encode_named_event(event), tokens, usage, final)
