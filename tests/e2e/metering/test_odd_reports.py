"""Reports in forms that no provider documents and some servers send: in parts, too early, in other names, or broken."""

from tests.e2e.metering.cases import (
    CHAT,
    MESSAGES,
    RESPONSES,
    Case,
    chat,
    check,
    delta,
    messages,
    parametrized,
)
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, Send, answer, chunk, event, json_answer, stream, stream_head

HAIKU = "claude-haiku-4-5"
GEMINI_STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"
CONTENTS = {"contents": [{"parts": [{"text": "Why?"}]}]}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3_000, "total_tokens": 3_012}
FULL = 12 * 2_500 + 3_000 * 10_000


def written(usage: str, before: str = "") -> Script:
    """Returns a chat completion whose usage is written like this."""
    body = '{"model":"gpt-4o",' + before + '"choices":[{"message":{"content":"Because."}}],"usage":' + usage + "}"
    return answer(body.encode("utf-8", "surrogateescape"), headers={"content-type": "application/json"})


def start(**usage: int) -> dict[str, object]:
    return {"type": "message_start", "message": {"id": "m1", "model": HAIKU, "usage": usage}}


def counted(**usage: object) -> dict[str, object]:
    return {"type": "message_delta", "delta": {}, "usage": usage}


def candidate(usage: dict[str, int] | None) -> dict[str, object]:
    part = {"candidates": [{"content": {"parts": [{"text": "word " * 10}]}}], "modelVersion": "gemini-2.5-flash"}
    return part | ({"usageMetadata": usage} if usage else {})


def ended(kind: str, usage: object, **fields: object) -> Script:
    """Returns a stream of the Responses API that ends with this event."""
    response = {"id": "r1", "model": "gpt-5", "usage": usage, **fields}
    return stream({"type": "response.output_text.delta", "delta": "hi"}, {"type": kind, "response": response})


RESPONSE = {"model": "gpt-5", "input": "Why?", "stream": True}
RESPONSE_USAGE = {"input_tokens": 12, "output_tokens": 30, "total_tokens": 42}
RESPONSE_CHARGE = 12 * 1_250 + 30 * 10_000

CASES = [
    Case("a list of reports", CHAT, chat("gpt-4o"), written('[{"prompt_tokens":12,"completion_tokens":3000}]'), FULL),
    Case("names in camel case", CHAT, chat("gpt-4o"), written('{"promptTokens":12,"completionTokens":3000}'), FULL),
    Case(
        "texts with exponents", CHAT, chat("gpt-4o"), written('{"prompt_tokens":"12","completion_tokens":"3e3"}'), FULL
    ),
    Case(
        "digits in groups",
        CHAT,
        chat("gpt-4o"),
        written('{"prompt_tokens":"12","completion_tokens":"3,000"}'),
        FULL,
        kinds=frozenset({"unreadable_count"}),
    ),
    Case(
        "numbers that are none",
        CHAT,
        chat("gpt-4o"),
        written('{"prompt_tokens":12,"completion_tokens":3000,"x":NaN}', '"logprob":-Infinity,'),
        FULL,
    ),
    Case(
        "bytes that are not UTF-8",
        CHAT,
        chat("gpt-4o"),
        written('{"prompt_tokens":12,"completion_tokens":3000,"x":"\udcff"}'),
        FULL,
    ),
    Case(
        "the larger of two values of one key",
        CHAT,
        chat("gpt-4o"),
        written('{"prompt_tokens":12,"completion_tokens":3000},"usage":{"prompt_tokens":-12,"completion_tokens":3}'),
        FULL,
    ),
    Case(
        "an answer cut at every byte",
        CHAT,
        chat("gpt-4o", stream=True),
        [
            Send(stream_head()),
            *(chunk(bytes([byte])) for byte in event(delta("漢字🙂")) + event({"choices": [], "usage": USAGE})),
            chunk(b""),
        ],
        FULL,
    ),
    Case(
        "usage at the start and never again",
        CHAT,
        chat("gpt-4o", stream=True),
        stream(
            {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 1}}, *[delta(" word")] * 50, done=True
        ),
        12 * 2_500 + 50 * 10_000,
        source="estimated",
        detail="usage_omitted",
    ),
    Case(
        "Gemini's usage only in the first chunk",
        GEMINI_STREAM,
        CONTENTS,
        stream(
            candidate({"promptTokenCount": 12, "candidatesTokenCount": 1, "totalTokenCount": 13}),
            *[candidate(None)] * 19,
        ),
        12 * 300 + 250 * 2_500,
        source="estimated",
        detail="usage_omitted",
    ),
    Case(
        "Gemini's names in snake case",
        GEMINI,
        CONTENTS,
        json_answer({"candidates": [], "usage_metadata": {"prompt_token_count": 12, "candidates_token_count": 3_000}}),
        12 * 300 + 3_000 * 2_500,
    ),
    Case(
        "input and output in different events",
        MESSAGES,
        messages(HAIKU, stream=True),
        stream(
            start(input_tokens=0, output_tokens=0),
            counted(input_tokens=5_000, output_tokens=10),
            counted(output_tokens=2_000),
        ),
        5_000 * 1_000 + 2_000 * 5_000,
    ),
    Case(
        "counts that fall",
        MESSAGES,
        messages(HAIKU, stream=True),
        stream(start(input_tokens=100), counted(output_tokens=2_000), counted(output_tokens=20)),
        100 * 1_000 + 2_000 * 5_000,
    ),
    Case(
        "a response that is incomplete",
        RESPONSES,
        RESPONSE,
        ended("response.incomplete", RESPONSE_USAGE),
        RESPONSE_CHARGE,
    ),
    Case(
        "a response that failed and was counted",
        RESPONSES,
        RESPONSE,
        ended("response.failed", RESPONSE_USAGE, error={"code": "server_error"}),
        RESPONSE_CHARGE,
        detail="provider_error",
    ),
]


@parametrized(CASES)
async def test_an_odd_report_is_charged_in_full(case: Case, metering: Metering) -> None:
    """Where a report was set aside or read in part, the case was seen to fail."""
    await check(case, metering)
