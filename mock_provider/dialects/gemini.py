"""Gemini generateContent. Every chunk of a stream has the usage so far; thoughts and tool results are counted separately."""

from collections.abc import Iterator
from urllib.parse import parse_qs

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Dialect,
    Event,
    Job,
    JsonObject,
    RefusalError,
    Request,
    choice_count,
    demand_of,
    encode,
    optional_count,
    padding_for,
    required_list,
)
from mock_provider.dialects.demanded_forms import Form, called_tool, text_by_schema
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Gemini(Dialect):
    """`/models/{model}:generateContent` and `:streamGenerateContent`."""

    name = "gemini"
    features = Features(tool_use=True)

    @override
    def stream_content_type(self, job: Job) -> str:
        return "text/event-stream" if _is_sse(job) else "application/json; charset=UTF-8"

    @override
    def response_id(self, serial: str) -> str:
        return f"gemini-{serial}"

    @override
    def response_headers(self, serial: str) -> dict[str, str]:
        return {}

    @override
    def error(self, status: int, message: str, parameter: str | None = None) -> bytes:
        name = _STATUS_NAMES.get(status, "UNKNOWN")
        return encode({"error": {"code": status, "message": message, "status": name}})

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return _usage(plan, plan.visible)

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        for index, content in enumerate(required_list(body, "contents")):
            if not isinstance(content, dict) or not isinstance(content.get("parts"), list):
                raise RefusalError(f"contents[{index}].parts: must not be empty", parameter="contents")
        config = body.get("generationConfig", body.get("generation_config")) or {}
        if not isinstance(config, dict):
            raise RefusalError("generationConfig: expected an object", parameter="generationConfig")
        limit = optional_count(config, "maxOutputTokens") or optional_count(config, "max_output_tokens")
        field = "candidateCount" if "candidateCount" in config else "candidate_count"
        choices = choice_count(config, field)
        model = route.model or ""
        demand = demand_of(
            body,
            model=model,
            content=("contents", "systemInstruction", "system_instruction", "tools"),
            output_limit=limit,
            choices=choices,
            generated=choices,
        )
        return Request(body, model, bool(route.streamed), demand, form=_form(body, config))

    @override
    def answer(self, job: Job) -> Answer:
        tokens = job.choice_tokens()
        candidates = [
            _candidate(index, _part(job, job.choice_text(index, count)), _finish_reason(job))
            for index, count in enumerate(tokens)
        ]
        usage = self.reported_usage(job)
        return Answer(encode(self._chunk(job, candidates, usage, last=True)), sum(tokens), usage)

    @override
    def events(self, job: Job) -> Iterator[Event]:
        """Yields server-sent events with `alt=sse`, otherwise the elements of one JSON array."""
        sse = _is_sse(job)
        chunks = list(self._chunks(job))
        for number, (chunk, tokens, usage) in enumerate(chunks):
            last = number == len(chunks) - 1
            payload = encode(chunk)
            wire = b"data: " + payload + b"\r\n\r\n" if sse else (b"[" if number == 0 else b",\r\n") + payload
            if last and not sse:
                wire += b"]"
            yield Event(wire, tokens, usage, last and usage is not None)

    @override
    def error_event(self, job: Job) -> Event:
        error = self.error(503, "The model is overloaded. Please try again later.")
        return Event(b"data: " + error + b"\r\n\r\n" if _is_sse(job) else b",\r\n" + error + b"]")

    def _chunks(self, job: Job) -> Iterator[tuple[JsonObject, int, JsonObject | None]]:
        """Yields (chunk, visible tokens in it, usage) for each chunk."""
        pieces = [
            (index, text, size)
            for index, count in enumerate(job.choice_tokens())
            for text, size in self._pieces(job, index, count)
        ]
        ends = {index: number for number, (index, _, _) in enumerate(pieces)}
        so_far = 0
        for number, (index, text, size) in enumerate(pieces):
            so_far += size
            last = number == len(pieces) - 1
            reason = _finish_reason(job) if ends[index] == number else None
            usage = _usage(job.plan, job.plan.visible if last else so_far) if job.reports_usage else None
            yield self._chunk(job, [_candidate(index, _part(job, text), reason)], usage, last=last), size, usage

    def _pieces(self, job: Job, index: int, tokens: int) -> Iterator[tuple[str, int]]:
        """Yields the pieces of a candidate. The call of a function is one piece."""
        if job.tool_call is None:
            yield from job.stream_pieces(index, tokens)
        else:
            yield job.choice_text(index, tokens), tokens

    def _chunk(self, job: Job, candidates: list[JsonObject], usage: JsonObject | None, *, last: bool) -> JsonObject:
        chunk: JsonObject = {"candidates": candidates}
        if last and job.controls.event_bytes:
            candidates[-1]["finishMessage"] = padding_for(job.controls.event_bytes, len(encode(chunk)))
        if usage is not None:
            chunk["usageMetadata"] = usage
        return chunk | {"modelVersion": job.request.model, "responseId": self.response_id(job.serial)}


def _usage(plan: UsagePlan, candidates_tokens: int) -> JsonObject:
    """Returns the usage. Like the provider, it omits counts of zero."""
    usage: JsonObject = {"promptTokenCount": plan.input_total}
    if candidates_tokens:
        usage["candidatesTokenCount"] = candidates_tokens
    usage["totalTokenCount"] = plan.input_total + candidates_tokens + plan.reasoning + plan.tool_use
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": plan.input_total}]
    if plan.cache_read:
        usage["cachedContentTokenCount"] = plan.cache_read
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": plan.cache_read}]
    if plan.tool_use:
        usage["toolUsePromptTokenCount"] = plan.tool_use
        usage["toolUsePromptTokensDetails"] = [{"modality": "TEXT", "tokenCount": plan.tool_use}]
    if plan.reasoning:
        usage["thoughtsTokenCount"] = plan.reasoning
    return usage


def _form(body: JsonObject, config: JsonObject) -> Form | None:
    choice = body.get("toolConfig", body.get("tool_config")) or {}
    calling = choice.get("functionCallingConfig", choice.get("function_calling_config")) or {}
    if calling.get("mode") == "ANY":
        names = calling.get("allowedFunctionNames", calling.get("allowed_function_names")) or [None]
        return called_tool(body.get("tools"), names[0])
    fields = ("responseJsonSchema", "responseSchema", "response_json_schema", "response_schema")
    return text_by_schema(next((config[field] for field in fields if config.get(field)), None))


def _part(job: Job, text: str) -> JsonObject:
    form = job.tool_call
    return {"text": text} if form is None else {"functionCall": {"name": form.tool, "args": form.arguments}}


def _candidate(index: int, part: JsonObject, reason: str | None) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": [part], "role": "model"}}
    if reason is not None:
        candidate["finishReason"] = reason
    return candidate | {"index": index}


def _finish_reason(job: Job) -> str:
    return "MAX_TOKENS" if job.plan.truncated else "STOP"


def _is_sse(job: Job) -> bool:
    return parse_qs(job.query).get("alt") == ["sse"]
