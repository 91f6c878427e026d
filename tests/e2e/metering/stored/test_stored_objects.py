"""What a provider stores passes only for the member to whom an answer gave its id (INV-21)."""

import asyncio
import json
import os
from collections.abc import Mapping

import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.metering.cases import RESPONSES, unfinished
from tests.e2e.metering.responses import answered, asked, identifier
from tests.e2e.metering.stored.other_members import colleague, stranger
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import (
    Request,
    Script,
    json_answer,
    stream,
)


def assert_unknown(reply: Reply, parameter: str) -> None:
    assert reply.status == 404, reply.text
    error = reply.json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", parameter)
    code = "previous_response_not_found" if parameter == "previous_response_id" else "stored_object_not_found"
    assert error["code"] == code


async def test_a_response_can_be_continued_at_once(metering: Metering) -> None:
    name = identifier()
    metering.upstream.answer(json_answer(answered(name)), json_answer(answered(identifier())))
    assert (await metering.call(asked(), RESPONSES)).status == 200
    reply = await metering.call(asked(previous_response_id=name), RESPONSES)
    assert reply.status == 200, reply.text
    assert metering.upstream.requests[-1].json["previous_response_id"] == name


async def test_a_streamed_response_can_be_continued_at_once(metering: Metering) -> None:
    name = identifier()
    created = {"type": "response.created", "response": answered(name, usage=None)}
    completed = {"type": "response.completed", "response": answered(name)}
    metering.upstream.answer(stream(created, completed), json_answer(answered(identifier())))
    assert (await metering.call(asked(stream=True), RESPONSES)).status == 200
    assert (await metering.call(asked(previous_response_id=name), RESPONSES)).status == 200


async def test_no_other_member_may_continue_a_response(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack
) -> None:
    name = identifier()
    metering.upstream.answer(json_answer(answered(name)))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    for other in (
        await stranger(metering, metered_database, metered_stack),
        await colleague(metering, metered_stack),
    ):
        reply = await other.call(asked(previous_response_id=name), RESPONSES)
        assert_unknown(reply, "previous_response_id")
        assert name in reply.json["error"]["message"]
    assert len(metering.upstream.requests) == 1


async def test_another_key_of_the_member_may_name_it(metering: Metering, metered_stack: Stack) -> None:
    name = identifier()
    metering.upstream.answer(json_answer(answered(name)), json_answer(answered(identifier())))
    await metering.call(asked(), RESPONSES)
    second = await metering.tenant.add_key("key-2")
    headers = {"authorization": f"Bearer {second}"}
    assert (await metering.call(asked(previous_response_id=name), RESPONSES, headers=headers)).status == 200


REFERENCES: list[tuple[Mapping[str, object], str]] = [
    ({"previous_response_id": "resp_guessed"}, "previous_response_id"),
    ({"conversation": "conv_guessed"}, "conversation"),
    ({"conversation": {"id": "conv_guessed"}}, "conversation"),
    ({"prompt": {"id": "pmpt_guessed"}}, "prompt"),
    ({"input": [{"type": "item_reference", "id": "msg_guessed"}]}, "input"),
    ({"input": [{"type": "reasoning", "id": "rs_guessed", "summary": []}]}, "input"),
    ({"input": [{"type": "image_generation_call", "id": "ig_guessed"}]}, "input"),
    ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-guessed"}]}]}, "file_id"),
    ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_guessed"]}]}, "vector_store_ids"),
    ({"tools": [{"type": "code_interpreter", "container": "cntr_guessed"}]}, "container"),
    ({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-guessed"]}}]}, "file_id"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "parameter"), REFERENCES)
async def test_a_guessed_id_is_unknown(metering: Metering, fields: Mapping[str, object], parameter: str) -> None:
    assert_unknown(await metering.call(asked(**fields), RESPONSES), parameter)
    assert metering.upstream.requests == []


async def test_counting_tokens_names_no_foreign_id(metering: Metering) -> None:
    body = {"model": "gpt-5", "input": "hi", "previous_response_id": "resp_guessed"}
    assert_unknown(await metering.call(body, f"{RESPONSES}/input_tokens"), "previous_response_id")
    assert metering.upstream.requests == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (
            "/v1/messages",
            {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], "container": "c"},
            "not_found_error",
        ),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            {"contents": [{"parts": [{"text": "hi"}]}], "cachedContent": "cachedContents/1"},
            "NOT_FOUND",
        ),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            {"contents": [{"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/f"}}]}]},
            "NOT_FOUND",
        ),
    ],
)  # fmt: skip
async def test_a_guessed_id_is_unknown_in_the_dialect_of_the_caller(
    metering: Metering, path: str, body: object, status: str
) -> None:
    reply = await metering.call(body, path)
    assert reply.status == 404, reply.text
    error = reply.json["error"]
    assert (error["status"] if "status" in error else error["type"]) == status
    assert metering.upstream.requests == []


async def test_items_and_containers_of_an_answer_may_be_named(metering: Metering) -> None:
    number = os.urandom(4).hex()
    output = [
        {"type": "reasoning", "id": f"rs_{number}", "summary": []},
        {"type": "code_interpreter_call", "id": f"ci_{number}", "container_id": f"cntr_{number}", "code": "1"},
    ]
    metering.upstream.answer(json_answer(answered(identifier(), output=output)), json_answer(answered(identifier())))
    await metering.call(asked(), RESPONSES)
    items = [{"type": "item_reference", "id": f"rs_{number}"}, {"type": "item_reference", "id": f"ci_{number}"}]
    tools = [{"type": "code_interpreter", "container": f"cntr_{number}"}]
    reply = await metering.call(asked(input=items, tools=tools), RESPONSES)
    assert reply.status == 200, reply.text


async def test_the_container_of_a_message_may_be_named(metering: Metering) -> None:
    container = f"container_{os.urandom(4).hex()}"
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": "x"}], "usage": {"input_tokens": 10, "output_tokens": 2},
        "container": {"id": container, "expires_at": "2030-01-01T00:00:00Z"},
    }  # fmt: skip
    metering.upstream.answer(json_answer(message), json_answer(message))
    body = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    await metering.call(body, "/v1/messages")
    reply = await metering.call(body | {"container": container}, "/v1/messages")
    assert reply.status == 200, reply.text


async def test_a_failed_call_hands_out_nothing(metering: Metering) -> None:
    name = identifier()
    metering.upstream.answer(
        json_answer({"id": name, "error": {"message": "no", "type": "invalid_request_error"}}, 400)
    )
    await metering.call(asked(), RESPONSES)
    assert_unknown(await metering.call(asked(previous_response_id=name), RESPONSES), "previous_response_id")


async def test_a_registered_prompt_passes_for_its_organization(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack
) -> None:
    prompt = f"pmpt_{os.urandom(4).hex()}"
    await metered_database.execute(
        "INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id, is_registered)"
        " VALUES ('openai', 'prompt', $1, $2, '', true)",
        prompt,
        metering.tenant.organization,
    )
    body = asked(prompt={"id": prompt})
    metering.upstream.answer(json_answer(answered(identifier())), json_answer(answered(identifier())))
    assert (await metering.call(body, RESPONSES)).status == 200
    assert (await (await colleague(metering, metered_stack)).call(body, RESPONSES)).status == 200
    assert_unknown(await (await stranger(metering, metered_database, metered_stack)).call(body, RESPONSES), "prompt")


async def test_a_caller_who_leaves_pays_the_known_input(metering: Metering) -> None:
    name = identifier()
    created = {"type": "response.created", "response": answered(identifier(), usage=None)}
    delta = {"type": "response.output_text.delta", "delta": "one word"}
    metering.upstream.answer(json_answer(answered(name)), unfinished(created, delta))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    await metering.call(asked(stream=True, previous_response_id=name), RESPONSES, hang_up_after_events=2)
    charged = await metering.charged(2)
    assert charged.source == "estimated"
    # The 1,500 tokens that were metered, and the body at one token for four bytes.
    assert 1_500 < charged.tokens["input"] < 1_600


async def test_a_caller_who_has_read_the_whole_answer_pays_the_known_input_and_its_text(metering: Metering) -> None:
    """The answer repeats its text when a part, an item and the response end. The caller leaves before the last."""
    first, text = identifier(), " word" * 4
    body = asked(stream=True, previous_response_id=first, max_output_tokens=1_000)
    known = 200_000 - -(-len(json.dumps(body)) // 4)
    usage = {"input_tokens": known - 500, "output_tokens": 500, "total_tokens": known}
    created = {"type": "response.created", "response": answered(identifier(), usage=None)}
    whole = {"type": "output_text", "text": text * 42}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [whole]}
    events: list[object] = [
        created,
        {"type": "response.in_progress", "response": created["response"]},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        *[{"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": text}] * 42,
        {"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "text": text * 42},
        {"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "part": whole},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    metering.upstream.answer(json_answer(answered(first, usage=usage)), unfinished(*events))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    await metering.call(body, RESPONSES, hang_up_after_events=len(events))
    charged = await metering.charged(2)
    assert (charged.source, charged.detail) == ("estimated", "client_disconnected")
    assert charged.tokens == {"input": 200_000, "output": 210}
    assert charged.nano_credits == 252_100_000


async def test_an_expired_id_is_unknown(metering: Metering) -> None:
    name = identifier()
    metering.upstream.answer(json_answer(answered(name)))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    await metering.tenant.database.execute("UPDATE stored_objects SET expire_time = now() WHERE object_id = $1", name)
    assert_unknown(await metering.call(asked(previous_response_id=name), RESPONSES), "previous_response_id")


async def test_an_id_of_another_provider_is_unknown(metering: Metering) -> None:
    container = f"cntr_{os.urandom(4).hex()}"
    output = [{"type": "code_interpreter_call", "id": "ci_1", "container_id": container}]
    metering.upstream.answer(json_answer(answered(identifier(), output=output)))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    message = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    reply = await metering.call(message | {"container": container}, "/v1/messages")
    assert (reply.status, reply.json["error"]["type"]) == (404, "not_found_error")


async def test_an_id_belongs_to_whom_it_was_given_first(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack
) -> None:
    """Some compatible servers let a caller choose the id of a response."""
    name = identifier()
    other = await stranger(metering, metered_database, metered_stack)
    metering.upstream.answer(json_answer(answered(name)), json_answer(answered(name)), json_answer(answered(name)))
    await metering.call(asked(), RESPONSES)
    await metering.charged()
    await other.call(asked(), RESPONSES)
    await other.charged()
    assert_unknown(await other.call(asked(previous_response_id=name), RESPONSES), "previous_response_id")
    assert (await metering.call(asked(previous_response_id=name), RESPONSES)).status == 200


async def test_a_known_response_holds_its_tokens_and_not_the_context_window(metering: Metering) -> None:
    name = identifier()
    metering.upstream.answer(*(json_answer(answered(name)) for _ in range(3)))
    await metering.call(asked(), RESPONSES)
    alone = (await metering.charged()).hold_nano_credits
    await metering.call(asked(previous_response_id=name), RESPONSES)
    chained = (await metering.charged(2)).hold_nano_credits
    # gpt-5 costs 1.25 credits per million input tokens; the longer body counts too, at one token a byte.
    assert 1_500 * 1_250 <= chained - alone <= 1_500 * 1_250 + 200 * 1_250
    await metering.call(asked(model="gpt-5-mini", previous_response_id=name), RESPONSES)
    other_model = (await metering.charged(3)).hold_nano_credits
    assert other_model >= 272_000 * 250, "another model may count other tokens, so it holds its window"


async def test_a_thousand_concurrent_chains_never_name_a_foreign_id(
    metering: Metering, metered_database: asyncpg.Pool, metered_stack: Stack
) -> None:
    """Ten members chain their own responses, and try those of the others as soon as they exist."""
    members = [metering, *[await stranger(metering, metered_database, metered_stack) for _ in range(9)]]
    owners: dict[str, int] = {}

    def answer(request: Request) -> Script:
        return json_answer(answered(identifier(), metadata={}))

    metering.upstream.choose(answer)

    async def chain(number: int) -> list[tuple[int, int]]:
        """Returns the owner of each foreign id that was tried, and the status."""
        tried = []
        name: str | None = None
        for _ in range(10):
            body = asked(previous_response_id=name) if name else asked()
            reply = await members[number % 10].call(body, RESPONSES)
            assert reply.status == 200, reply.text
            name = reply.json["id"]
            owners[name] = number % 10
            foreign = next((known for known, owner in reversed(owners.items()) if owner != number % 10), None)
            if foreign and number % 5 == 0:
                reply = await members[number % 10].call(asked(previous_response_id=foreign), RESPONSES)
                tried.append((owners[foreign], reply.status))
        return tried

    results = await asyncio.gather(*(chain(number) for number in range(100)))
    statuses = [status for tried in results for _, status in tried]
    assert len(statuses) > 100
    assert set(statuses) <= {404, 503}
    passed = [request.json.get("previous_response_id") for request in metering.upstream.requests]
    assert len([name for name in passed if name]) == 900
