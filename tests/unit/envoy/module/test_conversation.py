"""What the module reads of a conversation: the same session whatever grows or is marked, and what must not be interrupted."""

import json
from typing import Any

import pytest

from tests.support.envoy_module import conversation

USER = {"role": "user", "content": "Refactor the parser."}
SYSTEM = {"role": "system", "content": "You write code."}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "function": {"name": "run", "arguments": "{}"}}],
}


def found(**body: Any) -> dict[str, Any]:
    text = json.dumps(body).encode()
    whole = conversation(text)
    assert whole is not None
    assert conversation(text, range(1, len(text))) == whole, "the result depends on how the body was cut"
    return whole


def session(**body: Any) -> object:
    return found(**body).get("session")


def result(text: str, number: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": number, "content": text}


def anthropic_result(text: object, number: str = "c1") -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": number, "content": text}]}


def test_a_session_is_the_same_while_its_history_grows() -> None:
    first = session(messages=[SYSTEM, USER])
    assert first is not None
    grown = [
        SYSTEM,
        USER,
        CALLED,
        result("ok"),
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "yes"},
    ]
    assert session(messages=grown, temperature=0.5, model="other") == first
    assert session(messages=[SYSTEM, USER, {"role": "developer", "content": "Be brief."}, USER]) == first


def test_marks_for_a_cache_do_not_change_a_session() -> None:
    plain = session(system="You write code.", messages=[USER])
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    block = {"type": "text", "text": "Refactor the parser.", **mark}
    marked = {"role": "user", "content": [block]}
    assert session(system=[{"type": "text", "text": "You write code.", **mark}], messages=[marked]) == plain
    assert session(messages=[marked], system="You write code.") == plain, "the order of members does not count"


def test_sessions_differ_by_the_first_text_the_instructions_and_the_tools() -> None:
    tools = [
        {"type": "function", "function": {"name": "run", "parameters": {"properties": {"name": {"type": "string"}}}}}
    ]
    bodies: list[dict[str, Any]] = [
        {"messages": [SYSTEM, USER]},
        {"messages": [USER]},
        {"messages": [SYSTEM, {"role": "user", "content": "Hello"}]},
        {"messages": [SYSTEM, USER], "tools": tools},
    ]
    assert len({session(**body) for body in bodies}) == len(bodies)
    assert len({found(**body)["application"] for body in bodies}) == 3, "the user's text does not make an application"


@pytest.mark.parametrize(
    "body",
    [
        {"instructions": "i", "input": "Hello"},
        {"instructions": "i", "input": [{"role": "user", "content": "Hello"}]},
        {"instructions": "i", "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]},
        {"system": "i", "messages": [{"role": "user", "content": "Hello"}]},
        {"systemInstruction": {"parts": [{"text": "i"}]}, "contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
        {"system_instruction": {"parts": [{"text": "i"}]}, "contents": [{"parts": [{"text": "Hello"}]}]},
        {"system": "i", "prompt": "Hello"},
    ],
)  # fmt: skip
def test_every_dialect_has_sessions(body: dict[str, Any]) -> None:
    assert session(**body) == session(instructions="i", input="Hello")
    assert found(**body)["turns"] == 1.0


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [USER, CALLED, result("ok")]},
        {
            "messages": [
                USER,
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c1"}]},
                anthropic_result("ok"),
            ]
        },
        {"messages": [USER, anthropic_result([{"type": "text", "text": "ok"}])]},
        {"input": [USER, {"type": "function_call", "call_id": "c1"}, {"type": "function_call_output", "output": "ok"}]},
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"parts": [{"functionResponse": {"response": {}}}]},
            ]
        },
    ],
)
def test_a_conversation_that_ends_with_the_result_of_a_tool_is_in_a_loop(body: dict[str, Any]) -> None:
    assert found(**body)["in_tool_loop"] is True
    key = "contents" if "contents" in body else "input" if "input" in body else "messages"
    after = (
        {"role": "user", "parts": [{"text": "thanks"}]} if key == "contents" else {"role": "user", "content": "thanks"}
    )
    assert "in_tool_loop" not in found(**{**body, key: [*body[key], after]})


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}]}, USER]},
        {"messages": [USER, {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "s"}]}, USER]},
        {"input": [USER, {"type": "reasoning", "summary": [], "encrypted_content": "s"}, USER]},
        {"contents": [{"role": "model", "parts": [{"text": "t", "thoughtSignature": "s"}]}]},
    ],
)  # fmt: skip
def test_signed_thinking_is_found(body: dict[str, Any]) -> None:
    assert found(**body)["has_signed_thinking"] is True


def test_thinking_that_is_only_named_is_not_signed() -> None:
    tools = [{"name": "sign", "input_schema": {"properties": {"signature": {"type": "string"}}}}]
    assert "has_signed_thinking" not in found(messages=[{"role": "user", "content": "signature"}], tools=tools)


def test_a_tool_that_keeps_failing_is_counted_until_the_user_writes() -> None:
    turns: list[dict[str, Any]] = [USER]
    for number in range(4):
        turns += [CALLED, result("error: no such file", f"c{number}")]
    assert found(messages=turns)["repeated_results"] == 3.0
    assert "repeated_results" not in found(messages=[*turns, CALLED, result("ok")])
    assert "repeated_results" not in found(messages=[*turns, USER, CALLED, result("error: no such file")])
    items: list[dict[str, Any]] = [USER]
    for number in range(3):
        items += [
            {"type": "function_call", "call_id": f"{number}"},
            {"type": "function_call_output", "call_id": f"{number}", "output": "e"},
        ]
    assert found(input=items)["repeated_results"] == 2.0


def test_a_body_without_a_text_of_the_user_has_no_session() -> None:
    assert "session" not in found(model="m")
    assert "session" not in found(messages=[SYSTEM])
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    assert "session" not in found(messages=[picture])


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages":[}', b'{"messages":"\xff"}'])
def test_an_unreadable_body_says_nothing(body: bytes) -> None:
    assert conversation(body) is None


def test_the_longest_text_is_read_whole() -> None:
    text = "x" * 200_000
    assert session(prompt=text + "a") != session(prompt=text + "b")
