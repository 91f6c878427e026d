"""Gemini's embeddings of one content, or of several. The usage has only the input."""

from typing_extensions import override

from mock_provider.dialects.base import (
    Answer,
    Job,
    JsonObject,
    NeverStreamed,
    RefusalError,
    Request,
    demand_of,
    encode,
    optional_count,
    required_list,
)
from mock_provider.dialects.gemini import Gemini
from mock_provider.routes import Endpoint, Habits, Route
from mock_provider.usage_plan import Features, UsagePlan
from mock_provider.vectors import vector_of

_DIMENSIONS_DEFAULT = 3072
_DIMENSIONS_MAX = 3072
_REQUESTS_MAX = 100


class GeminiEmbeddings(NeverStreamed, Gemini):
    """`/models/{model}:embedContent` and `:batchEmbedContents`."""

    features = Features(cache_read=False, reasoning=False, output=False)

    @override
    def response_id(self, serial: str) -> str:
        return ""  # Embeddings have no id.

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        details = [{"modality": "TEXT", "tokenCount": plan.input_total}]
        return {"promptTokenCount": plan.input_total, "promptTokenDetails": details}

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = route.model or ""
        is_batch = route.endpoint is Endpoint.BATCH_EMBED_CONTENTS
        requests = required_list(body, "requests") if is_batch else [body]
        if len(requests) > _REQUESTS_MAX:
            raise RefusalError(f"requests: at most {_REQUESTS_MAX} requests", parameter="requests")
        for request in requests:
            if not isinstance(request, dict) or not isinstance(request.get("content"), dict):
                raise RefusalError("content: expected an object", parameter="content")
            if is_batch and request.get("model") != f"models/{model}":
                raise RefusalError("model: expected the model of the path", parameter="model")
            optional_count(request, "outputDimensionality", maximum=_DIMENSIONS_MAX)
        texts = {"contents": [request["content"] for request in requests]}
        return Request(body, model, streamed=False, demand=demand_of(texts, model=model, content=("contents",)))

    @override
    def answer(self, job: Job) -> Answer:
        usage = self.reported_usage(job)
        requests = job.request.body.get("requests")
        if requests is None:
            answer: JsonObject = {"embedding": _embedding(job.request.body, job.first_word)}
        else:
            answer = {"embeddings": [_embedding(request, job.first_word) for request in requests]}
        if usage is not None:
            answer["usageMetadata"] = usage
        return Answer(encode(answer), 0, usage)


def _embedding(request: JsonObject, seed: int) -> JsonObject:
    return {"values": list(vector_of(request.get("outputDimensionality") or _DIMENSIONS_DEFAULT, seed))}
