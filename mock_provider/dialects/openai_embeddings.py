"""OpenAI embeddings: input only, never streamed."""

import base64
import struct

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
    padding_for,
    required_model,
)
from mock_provider.dialects.openai_dialect import OpenaiDialect, required_input
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan
from mock_provider.vectors import vector_of

_DIMENSIONS_DEFAULT = 1536
_DIMENSIONS_MAX = 8192
_INPUTS_MAX = 2048


class OpenaiEmbeddings(NeverStreamed, OpenaiDialect):
    """OpenAI's `/embeddings` endpoint."""

    features = Features(cache_read=False, reasoning=False, output=False)

    @override
    def response_id(self, serial: str) -> str:
        return ""  # Embeddings have no id.

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {"prompt_tokens": plan.input_total, "total_tokens": plan.input_total}

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        if len(_inputs(required_input(body))) > _INPUTS_MAX:
            raise RefusalError(f"input: at most {_INPUTS_MAX} inputs", parameter="input")
        optional_count(body, "dimensions", maximum=_DIMENSIONS_MAX)
        if body.get("encoding_format") not in (None, "float", "base64"):
            raise RefusalError("encoding_format: expected float or base64", parameter="encoding_format")
        demand = demand_of(body, model=model, content=("input",))
        return Request(body, model, streamed=False, demand=demand)

    @override
    def answer(self, job: Job) -> Answer:
        body = job.request.body
        dimensions = body.get("dimensions") or (3072 if "large" in job.request.model else _DIMENSIONS_DEFAULT)
        vector = vector_of(dimensions, job.first_word)
        embedding = _base64(vector) if body.get("encoding_format") == "base64" else list(vector)
        usage = self.reported_usage(job)
        answer: JsonObject = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": embedding}
                for index in range(len(_inputs(body["input"])))
            ],
            "model": job.request.model,
        }
        if job.controls.event_bytes:
            answer["padding"] = padding_for(job.controls.event_bytes, len(encode(answer)))
        if usage is not None:
            answer["usage"] = usage
        return Answer(encode(answer), 0, usage)


def _inputs(value: str | list[object]) -> list[object]:
    return [value] if isinstance(value, str) or isinstance(value[0], int) else value


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
