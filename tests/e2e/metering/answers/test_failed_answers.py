"""Answers that are none cost nothing; text that was delivered costs something, however the answer ended."""

from typing import Any

from tests.e2e.metering.cases import CHAT, Case, chat, check, delta, parametrized
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import (
    Abort,
    Script,
    Send,
    answer,
    chunk,
    event,
    events,
    json_answer,
    stream,
    stream_head,
)

HTML = b"<html><body>Service is being updated</body></html>"
ERROR = {"error": {"message": "overloaded", "type": "server_error"}}
NAMELESS = {"choices": [{"index": 0, "delta": {"content": " wd"}}]}


def free(name: str, script: Script, **fields: Any) -> Case:
    """Returns the case of a call that costs nothing, whatever came."""
    return Case(name, CHAT, chat("gpt-4o", **fields), script, 0, source="none", detail="provider_error")


CASES = [
    free("HTML with status 200", answer(HTML, headers={"content-type": "text/html"})),
    free("an empty body with status 200", answer(b"")),
    free("an error body with status 200", json_answer(ERROR)),
    free("an error inside choices", json_answer({"id": "c1", "model": "gpt-4o", "choices": [{"index": 0, **ERROR}]})),
    free("a stream that is only an error", stream(ERROR), stream=True),
    free("an object, in which nothing is", json_answer({})),
    free("a list, in which nothing is", json_answer([])),
    free("an unknown error, in which nothing is", json_answer({"detail": "Not found"})),
    free("a stream that only ends", stream(done=True), stream=True),
    free("a stream of comments", [Send(stream_head()), chunk(b": wait\n\n" * 9), chunk(b"")], stream=True),
    free(
        "an error that only its event names",
        [Send(stream_head()), chunk(b"event: error\ndata: {}\n\n"), chunk(b"")],
        stream=True,
    ),
    Case(
        "a picture without text and then a broken connection",
        CHAT,
        chat("gpt-4o", stream=True),
        [Send(stream_head()), chunk(event({"partial_image_b64": "A" * 40_000})), Abort()],
        0,
        source="estimated",
        detail="provider_reset",
        tolerance=100_000,
    ),
    Case(
        "text without a name and then an error",
        CHAT,
        chat("gpt-4o", stream=True),
        stream(*[NAMELESS] * 12, ERROR),
        12 * 10_000,
        source="estimated",
        detail="provider_error",
        tolerance=100_000,
    ),
    Case(
        "text and then a broken connection",
        CHAT,
        chat("gpt-4o", stream=True),
        [Send(stream_head()), *events(*[delta(" wd")] * 11), chunk(event(delta(" wd"))), Abort()],
        12 * 10_000,
        source="estimated",
        detail="provider_reset",
        tolerance=110_000,
    ),
    Case(
        "true usage and then zeros",
        CHAT,
        chat("gpt-4o", stream=True, stream_options={"include_usage": True}),
        stream(
            delta(" wd"),
            {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3_000, "total_tokens": 3_012}},
            {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
            done=True,
        ),
        30_030_000,
    ),
]


@parametrized(CASES)
async def test_only_what_was_delivered_costs(case: Case, metering: Metering) -> None:
    await check(case, metering)
