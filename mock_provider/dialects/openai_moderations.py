"""OpenAI moderations: whether a text is harmful, free of charge."""

from collections.abc import Iterator

from typing_extensions import override

from mock_provider.dialects.base import Answer, Event, Job, JsonObject, RefusalError, Request, demand_of, encode
from mock_provider.dialects.openai_dialect import OpenaiDialect
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_MODEL_DEFAULT = "omni-moderation-latest"
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


class OpenaiModerations(OpenaiDialect):
    """OpenAI's `/moderations` endpoint."""

    features = Features(cache_read=False, reasoning=False, output=False)

    @override
    def response_id(self, serial: str) -> str:
        return f"modr-{serial}"

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {}

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        value = body.get("input")
        if not isinstance(value, str | list) or not value:
            raise RefusalError("input: expected a non-empty string or array", parameter="input")
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

    @override
    def events(self, job: Job) -> Iterator[Event]:
        raise NotImplementedError("moderations are never streamed")

    @override
    def error_event(self, job: Job) -> Event:
        raise NotImplementedError("moderations are never streamed")
