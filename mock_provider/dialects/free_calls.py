"""Operations that cost nothing: token counting in every API, and moderations."""

from typing import Any

from typing_extensions import override

from mock_provider.dialects.anthropic_messages import AnthropicMessages
from mock_provider.dialects.base import Answer, Job, JsonObject, NeverStreamed, RefusalError, Request, demand_of, encode
from mock_provider.dialects.gemini import Gemini
from mock_provider.dialects.openai_dialect import OpenaiDialect, required_input
from mock_provider.dialects.openai_responses import OpenaiResponses
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_MODEL_DEFAULT = "omni-moderation-latest"
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


class _FreeCall(NeverStreamed):
    """An operation without usage. It has no id either, unless it overrides `response_id`."""

    features = Features(cache_read=False, reasoning=False, output=False)

    @override
    def response_id(self, serial: str) -> str:
        return ""

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {}


class MessageTokens(_FreeCall, AnthropicMessages):
    """Anthropic's `/messages/count_tokens`."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        for field in ("max_tokens", "stream"):
            if field in body:
                raise RefusalError(f"{field}: Extra inputs are not permitted", parameter=field)
        return super().read({**body, "max_tokens": 1}, route)

    @override
    def answer(self, job: Job) -> Answer:
        return Answer(encode({"input_tokens": job.plan.input_total}), 0, None)


class ResponseTokens(_FreeCall, OpenaiResponses):
    """OpenAI's `/responses/input_tokens`, which knows no streams."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        if "stream" in body:
            raise RefusalError("Unknown parameter: 'stream'.", parameter="stream")
        return super().read(body, route)

    @override
    def answer(self, job: Job) -> Answer:
        counted = {"object": "response.input_tokens", "input_tokens": job.plan.input_total}
        return Answer(encode(counted), 0, None)


class ContentTokens(_FreeCall, Gemini):
    """Google's `:countTokens`, of contents or of a whole request."""

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        inner: Any = body.get("generateContentRequest", body)
        if not isinstance(inner, dict):
            raise RefusalError("generateContentRequest: expected an object", parameter="generateContentRequest")
        read = super().read(inner, route)
        content = ("contents", "systemInstruction", "tools")
        return Request(body, read.model, streamed=False, demand=demand_of(inner, model=read.model, content=content))

    @override
    def answer(self, job: Job) -> Answer:
        total = job.plan.input_total
        details = [{"modality": "TEXT", "tokenCount": total}]
        return Answer(encode({"totalTokens": total, "promptTokensDetails": details}), 0, None)


class OpenaiModerations(_FreeCall, OpenaiDialect):
    """OpenAI's `/moderations` endpoint."""

    @override
    def response_id(self, serial: str) -> str:
        return f"modr-{serial}"

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        required_input(body)
        model = str(body.get("model") or _MODEL_DEFAULT)
        return Request(body, model, streamed=False, demand=demand_of(body, model=model, content=("input",)))

    @override
    def answer(self, job: Job) -> Answer:
        value = job.request.body["input"]
        count = len(value) if isinstance(value, list) else 1
        result = {
            "flagged": False,
            "categories": dict.fromkeys(_CATEGORIES, False),
            "category_scores": dict.fromkeys(_CATEGORIES, 0.01),
            "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
        }
        answer = {"id": self.response_id(job.serial), "model": job.request.model, "results": [result] * count}
        return Answer(encode(answer), 0, None)
