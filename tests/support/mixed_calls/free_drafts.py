"""Calls that are free whatever they report: token counting and moderations."""

from typing import Any

from tests.support.mixed_calls.drafts import Choice, Draft
from tests.support.mixed_calls.tally import Tally

COUNTED_WITH = {
    "messages": "count_message_tokens",
    "responses": "count_response_tokens",
    "generate_content": "count_content_tokens",
}
"""The operation that counts the tokens of each kind of call."""


def counting_draft(choice: Choice) -> Draft:
    """Drafts a call that counts tokens. Some servers add usage to the answer."""
    count = choice.count(100_000)
    document: dict[str, Any] = {"input_tokens": count}
    body: dict[str, Any] = {"model": choice.asked_name}
    match choice.endpoint:
        case "count_message_tokens":
            path = "/v1/messages/count_tokens" + choice.random.choice(("", "?beta=true"))
            body["messages"] = [{"role": "user", "content": choice.question}]
        case "count_response_tokens":
            path = "/v1/responses/input_tokens"
            body["input"] = choice.question
            document["object"] = "response.input_tokens"
        case _:
            path = f"/v1beta/models/{choice.model}:countTokens"
            body = {"contents": [{"parts": [{"text": choice.question}]}]}
            document = {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}
    if choice.chance(0.2):
        document["usage"] = {"input_tokens": count, "output_tokens": 1}
    return Draft(choice.model, choice.endpoint, path, body, Tally(choice.used({})), document=document)


def moderations_draft(choice: Choice) -> Draft:
    """Drafts a moderation, which is free whatever it reports."""
    body = {"model": choice.asked_name, "input": choice.question}
    document = {
        "id": "modr-1",
        "model": choice.answered_name,
        "results": [{"flagged": False}],
        "usage": {"prompt_tokens": 9},
    }
    return Draft(choice.model, choice.endpoint, "/v1/moderations", body, Tally(choice.used({})), document=document)
