"""OpenAI chat completions and legacy completions: one stream format, one usage object."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Event,
    Job,
    JsonObject,
    RefusalError,
    Request,
    choice_count,
    demand_of,
    encode,
    optional_boolean,
    optional_count,
    padding_for,
    required_items,
    required_model,
)
from mock_provider.dialects.demanded_forms import Form, called_tool, text_by_schema
from mock_provider.dialects.openai_dialect import OpenaiDialect, error_object
from mock_provider.dialects.written_analyses import written_analysis
from mock_provider.routes import Habits, Route, habits_of
from mock_provider.usage_plan import Features, UsagePlan

_DONE = b"data: [DONE]\n\n"


class _OpenaiStreams(OpenaiDialect):
    """What chat and legacy completions have in common."""

    id_prefix: ClassVar[str]
    chunk_object: ClassVar[str]
    whole_object: ClassVar[str]

    @override
    def response_id(self, serial: str) -> str:
        return f"{self.id_prefix}-{serial}"

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        completion = plan.visible if habits.reasoning_apart else plan.output_total
        usage: JsonObject = {
            "prompt_tokens": plan.input_total,
            "completion_tokens": completion,
            "total_tokens": plan.input_total + plan.output_total,
        }
        if not self.features.reasoning or habits.totals_only:
            return usage
        usage["prompt_tokens_details"] = {"cached_tokens": plan.cache_read, "audio_tokens": 0}
        if plan.cache_write_5m:
            usage["prompt_tokens_details"]["cache_write_tokens"] = plan.cache_write_5m
        usage["completion_tokens_details"] = {
            "reasoning_tokens": plan.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
        return usage

    @override
    def answer(self, job: Job) -> Answer:
        tokens = job.choice_tokens()
        usage = self.reported_usage(job)
        body = self._envelope(job, self.whole_object)
        body["choices"] = [
            {"index": index, **self._message(job, job.choice_text(index, count)), "finish_reason": _finish_reason(job)}
            for index, count in enumerate(tokens)
        ]
        if job.controls.event_bytes:
            body["system_fingerprint"] = padding_for(job.controls.event_bytes, len(encode(body)))
        if usage is not None:
            body["usage"] = usage
        return Answer(encode(body), sum(tokens), usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        tokens = job.choice_tokens()
        opening = self._opening(job)
        if opening is not None:
            for index in range(len(tokens)):
                yield self._chunk(job, index, opening, 0)
        for index, count in enumerate(tokens):
            for text, size in job.stream_pieces(index, count):
                yield self._chunk(job, index, self._delta(job, text), size)
        for index in range(len(tokens)):
            yield self._closing(job, index, last=index == len(tokens) - 1)
        if job.request.include_usage and job.reports_usage and not job.request.habits.usage_unasked:
            yield self._usage_event(job)
        yield Event(_DONE)

    @override
    def error_event(self, job: Job) -> Event:
        error = error_object(500, "The server had an error while processing your request")
        return Event(b"data: " + encode(error) + b"\n\n")

    def _closing(self, job: Job, index: int, *, last: bool) -> Event:
        """Returns the chunk that ends a choice. With some providers the last of these carries the usage."""
        choice = {"index": index, **self._delta(job, None), "finish_reason": _finish_reason(job)}
        chunk = self._chunk_body(job, [choice])
        if last and job.request.habits.usage_unasked and job.reports_usage:
            usage = self.usage(job.plan, job.request.habits)
            return _event(_padded(chunk, job.controls.event_bytes) | {"usage": usage}, usage=usage)
        return _event(chunk)

    def _usage_event(self, job: Job) -> Event:
        usage = self.usage(job.plan, job.request.habits)
        chunk = self._envelope(job, self.chunk_object) | {"choices": []}
        return _event(_padded(chunk, job.controls.event_bytes) | {"usage": usage}, usage=usage)

    def _chunk(self, job: Job, index: int, delta: JsonObject, tokens: int) -> Event:
        chunk = self._chunk_body(job, [{"index": index, **delta, "finish_reason": None}])
        if job.request.obfuscated:
            chunk["obfuscation"] = "x" * (1 + (index + tokens + job.first_word) % 16)
        return _event(chunk, tokens=tokens)

    def _chunk_body(self, job: Job, choices: list[JsonObject]) -> JsonObject:
        chunk = self._envelope(job, self.chunk_object) | {"choices": choices}
        if job.request.include_usage and job.reports_usage:
            chunk["usage"] = None
        return chunk

    def _envelope(self, job: Job, kind: str) -> JsonObject:
        return {
            "id": self.response_id(job.serial),
            "object": kind,
            "created": job.created_s,
            "model": job.request.model,
            "service_tier": "default",
            "system_fingerprint": "fp_mock",
        }

    @abstractmethod
    def _opening(self, job: Job) -> JsonObject | None:
        """Returns the delta that begins a choice in a stream, or None."""

    @abstractmethod
    def _delta(self, job: Job, text: str | None) -> JsonObject:
        """Returns the fields of a choice in a chunk. `text` is None for the chunk that only ends the choice."""

    @abstractmethod
    def _message(self, job: Job, text: str) -> JsonObject:
        """Returns the fields of a choice in a whole answer."""


class OpenaiChat(_OpenaiStreams):
    """OpenAI's `/chat/completions` endpoint."""

    features = Features(cache_write=True)
    id_prefix = "chatcmpl"
    chunk_object = "chat.completion.chunk"
    whole_object = "chat.completion"

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        required_items(body, "messages")
        streamed = optional_boolean(body, "stream")
        limit = optional_count(body, "max_completion_tokens") or optional_count(body, "max_tokens")
        choices = choice_count(body, "n")
        demand = demand_of(
            body,
            model=model,
            content=("messages", "tools", "functions"),
            output_limit=limit,
            choices=choices,
            generated=choices,
        )
        habits = habits_of(route, model)
        include_usage, obfuscated = _stream_options(body, habits, streamed=streamed)
        return Request(body, model, streamed, demand, habits, include_usage, obfuscated, _form(body))

    @override
    def _opening(self, job: Job) -> JsonObject:
        delta: JsonObject = {"role": "assistant", "content": "", "refusal": None}
        if job.tool_call is not None:
            delta |= {"content": None, "tool_calls": [{"index": 0, **_tool_call(job, "")}]}
        return {"delta": delta, "logprobs": None}

    @override
    def _delta(self, job: Job, text: str | None) -> JsonObject:
        delta: JsonObject = {} if text is None else {"content": text}
        if text is not None and job.tool_call is not None:
            delta = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
        return {"delta": delta, "logprobs": None}

    @override
    def _message(self, job: Job, text: str) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        if job.tool_call is not None:
            message |= {"content": None, "tool_calls": [_tool_call(job, text)]}
        return {"message": message, "logprobs": None}


class OpenaiCompletions(_OpenaiStreams):
    """OpenAI's legacy `/completions` endpoint: no token details, and `best_of` charges for discarded choices."""

    features = Features(cache_read=False, reasoning=False)
    id_prefix = "cmpl"
    chunk_object = "text_completion"
    whole_object = "text_completion"

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        if not isinstance(body.get("prompt"), str | list) or not body["prompt"]:
            raise RefusalError("prompt: expected a string or an array", parameter="prompt")
        streamed = optional_boolean(body, "stream")
        limit = optional_count(body, "max_tokens") or 16
        choices = choice_count(body, "n")
        generated = choice_count(body, "best_of") if body.get("best_of") is not None else choices
        if generated < choices:
            raise RefusalError(
                "You requested that the server return more choices than it will generate", parameter="best_of"
            )
        prompts = _prompt_count(body["prompt"])
        demand = demand_of(
            body,
            model=model,
            content=("prompt", "suffix"),
            output_limit=limit,
            choices=choices * prompts,
            generated=generated * prompts,
        )
        habits = habits_of(route, model)
        include_usage, _ = _stream_options(body, habits, streamed=streamed)
        return Request(body, model, streamed, demand, habits, include_usage)

    @override
    def _opening(self, job: Job) -> None:
        return None

    @override
    def _delta(self, job: Job, text: str | None) -> JsonObject:
        return {"text": text or "", "logprobs": None}

    @override
    def _message(self, job: Job, text: str) -> JsonObject:
        return {"text": text, "logprobs": None}


def _prompt_count(prompt: str | list[object]) -> int:
    """Returns the number of prompts. A list of token ids is one prompt; a list of strings or lists is many."""
    return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)


def _stream_options(body: JsonObject, habits: Habits, *, streamed: bool) -> tuple[bool, bool]:
    """Returns (include_usage, obfuscated). Raises RefusalError if the provider would refuse."""
    options = body.get("stream_options")
    if options is None:
        return False, streamed
    if not habits.stream_options_accepted:
        raise RefusalError("stream_options: Extra inputs are not permitted", status=422, parameter="stream_options")
    if not isinstance(options, dict):
        raise RefusalError("stream_options: expected an object", parameter="stream_options")
    if not streamed:
        raise RefusalError(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", parameter="stream_options"
        )
    return optional_boolean(options, "include_usage"), options.get("include_obfuscation") is not False


def _form(body: JsonObject) -> Form | None:
    choice, form = body.get("tool_choice"), body.get("response_format")
    if choice == "required":
        return called_tool(body.get("tools"))
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        return called_tool(body.get("tools"), choice["function"].get("name"))
    described = form.get("json_schema") if isinstance(form, dict) else None
    demanded = text_by_schema(described.get("schema")) if isinstance(described, dict) else None
    return demanded or written_analysis(body.get("messages"))


def _tool_call(job: Job, arguments: str) -> JsonObject:
    name = job.tool_call.tool if job.tool_call else None
    return {"id": f"call_{job.serial}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _finish_reason(job: Job) -> str:
    if job.plan.truncated:
        return "length"
    return "stop" if job.tool_call is None else "tool_calls"


def _padded(chunk: JsonObject, size: int) -> JsonObject:
    return chunk | {"obfuscation": padding_for(size, len(encode(chunk)))} if size else chunk


def _event(chunk: JsonObject, *, tokens: int = 0, usage: JsonObject | None = None) -> Event:
    return Event(b"data: " + encode(chunk) + b"\n\n", tokens, usage, usage is not None)
