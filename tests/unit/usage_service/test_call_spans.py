"""The operation of a call by the conventions for generative AI."""

from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues

from gateway_core.model.endpoints import Endpoint
from usage_service.call_spans import operation_of

OPERATIONS = {
    "chat": {Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES, Endpoint.MESSAGES},
    "text_completion": {Endpoint.COMPLETIONS},
    "generate_content": {Endpoint.GENERATE_CONTENT},
    "embeddings": {Endpoint.EMBEDDINGS, Endpoint.EMBED_CONTENT, Endpoint.BATCH_EMBED_CONTENTS},
}


def test_an_operation_that_the_conventions_name_has_that_name() -> None:
    published = {operation.value for operation in GenAiOperationNameValues}
    assert OPERATIONS.keys() <= published
    for operation, endpoints in OPERATIONS.items():
        assert {operation_of(endpoint) for endpoint in endpoints} == {operation}


def test_any_other_operation_has_the_name_of_its_endpoint() -> None:
    published = {operation.value for operation in GenAiOperationNameValues}
    others = set(Endpoint).difference(*OPERATIONS.values())
    assert {operation_of(endpoint) for endpoint in others} == {str(endpoint) for endpoint in others}
    assert published.isdisjoint(operation_of(endpoint) for endpoint in others)
