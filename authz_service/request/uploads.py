"""Reads the parameters of an upload. Its body is a form, and names no model."""

from collections.abc import Container
from typing import Final

from authz_service.request.bodies import require_form
from authz_service.request.call import Call
from authz_service.request.special_parameters import count
from authz_service.request.values import RefusedError
from gateway_core.contract.request_facts import AUDIOS, PURPOSE
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.refusals import Refusal, RefusalReason, refuse_parameter
from gateway_core.model.endpoints import Endpoint, passed_query

MODELS: Final = {Endpoint.OPENAI_FILES: "openai-files", Endpoint.ANTHROPIC_FILES: "anthropic-files"}
"""The entries of the catalog that say which provider takes the files of an API."""
PURPOSES: Final = ("assistants", "user_data", "vision")
"""What OpenAI's files may be for. The others belong to operations that are not served, such as batches and fine-tuning."""
_FILE: Final = "file"


def read_upload(call: Call, endpoint: Endpoint, models: Container[str]) -> Parameters | Refusal:
    """Returns the parameters of an upload, or the refusal for the first fault in its body.

    Args:
        call: the call.
        endpoint: the operation.
        models: the names in the catalog.
    """
    model = MODELS[endpoint]
    if model not in models:
        message = (
            f"The gateway takes no files in this API, because its catalog has no entry '{model}'. Ask the operator."
        )
        return Refusal(RefusalReason.ENDPOINT_NOT_SUPPORTED, message)
    return _refuse_body(call, endpoint) or Parameters(
        model=model,
        streams=False,
        output_limit=None,
        choices=1,
        asks_for_usage=False,
        query=passed_query(endpoint, call.query),
    )


def _refuse_body(call: Call, endpoint: Endpoint) -> Refusal | None:
    try:
        require_form(call)
    except RefusedError as error:
        return error.refusal
    if not count(call.facts, AUDIOS):
        return refuse_parameter(_FILE, "it is required; send the file as a part of the form with this name")
    if endpoint is Endpoint.OPENAI_FILES and call.facts.get(PURPOSE) not in PURPOSES:
        return refuse_parameter(
            PURPOSE,
            f"it must be one of {', '.join(PURPOSES)}; the operations that need other files, such as batches, are not supported",
        )
    return None
