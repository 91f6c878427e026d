"""Ranking of documents by a query, as Cohere and Voyage AI do it. It is never streamed."""

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
    optional_boolean,
    optional_count,
    required_list,
    required_model,
)
from mock_provider.dialects.openai_dialect import OpenaiDialect
from mock_provider.routes import Habits, Route
from mock_provider.usage_plan import Features, UsagePlan

_DOCUMENTS_MAX = 10_000
_DOCUMENTS_PER_UNIT = 100
_PART_BYTES = 4 * 500


class Reranking(NeverStreamed, OpenaiDialect):
    """The `/rerank` endpoints: Cohere's in both versions, and that of providers that report tokens."""

    features = Features(cache_read=False, reasoning=False, output=False)

    @override
    def response_id(self, serial: str) -> str:
        return ""  # Only Cohere's answers have an id, which nothing refers to.

    @override
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        return {"total_tokens": plan.input_total}

    @override
    def read(self, body: JsonObject, route: Route) -> Request:
        model = required_model(body)
        if not isinstance(body.get("query"), str) or not body["query"]:
            raise RefusalError("query: expected a non-empty string", parameter="query")
        texts = [_text_of(document) for document in required_list(body, "documents")]
        if len(texts) > _DOCUMENTS_MAX:
            raise RefusalError(f"documents: at most {_DOCUMENTS_MAX}", parameter="documents")
        optional_count(body, "top_n")
        optional_count(body, "top_k")
        optional_boolean(body, "return_documents")
        return Request(body, model, streamed=False, demand=demand_of(body, model=model, content=("query", "documents")))

    @override
    def answer(self, job: Job) -> Answer:
        body = job.request.body
        texts = [_text_of(document) for document in body["documents"]]
        first = body.get("top_n") or body.get("top_k") or len(texts)
        ranked: list[JsonObject] = [
            {"index": index, "relevance_score": round(1 / (rank + 2), 6)}
            for rank, index in enumerate(reversed(range(len(texts))))
        ][:first]
        if body.get("return_documents"):
            ranked = [{**entry, "document": {"text": texts[entry["index"]]}} for entry in ranked]
        usage = self.reported_usage(job)
        if job.request.model.startswith("rerank-v"):
            return Answer(encode(_cohere(job, ranked, texts, reports=usage is not None)), 0, usage)
        answer: JsonObject = {"object": "list", "data": ranked, "model": job.request.model}
        return Answer(encode(answer if usage is None else answer | {"usage": usage}), 0, usage)


def _cohere(job: Job, ranked: list[JsonObject], texts: list[str], *, reports: bool) -> JsonObject:
    meta: JsonObject = {"api_version": {"version": "2"}}
    if reports:
        meta["billed_units"] = {"search_units": _search_units(job.request.body["query"], texts)}
    return {"id": f"rerank-{job.serial}", "results": ranked, "meta": meta}


def _search_units(query: str, texts: list[str]) -> int:
    """Returns how many hundred documents there are, if each part of 500 tokens of a longer document counts as one."""
    parts = (-(-(len(query.encode()) + len(text.encode())) // _PART_BYTES) for text in texts)
    return -(-sum(max(1, count) for count in parts) // _DOCUMENTS_PER_UNIT)


def _text_of(document: object) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise RefusalError("documents: expected strings, or objects with a text", parameter="documents")
    return text
