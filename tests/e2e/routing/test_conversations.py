"""A conversation is known by what it began with, stays with its model while it is unfinished, and may be held out."""

import pytest

from tests.e2e.conftest import Post, chat
from tests.e2e.routing.test_routed_calls import (
    FOR_SUMMARIES,
    LIGHT,
    STRONG,
    Settled,
    add_virtual_model,
    routed,
    set_policy,
    summary,
)
from tests.support.data.tenants import Tenant, until_applied

CALLED: dict[str, object] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}],
}


def result(number: int = 1) -> list[dict[str, object]]:
    """Returns the call of a tool, and its result."""
    return [CALLED, {"role": "tool", "tool_call_id": "c1", "content": f"result {number}"}]


async def test_all_calls_of_a_conversation_have_one_session_and_others_another(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    begun: list[dict[str, object]] = [{"role": "user", "content": "Refactor it."}]
    marked = [
        {"role": "user", "content": [{"type": "text", "text": "Refactor it.", "cache_control": {"type": "ephemeral"}}]}
    ]
    for messages in (begun, [*begun, *result()], marked, [{"role": "user", "content": "Something else."}]):
        assert (await post(summary(messages=messages))).status == 200
    await settled(4)
    first, second, third, other = [choice["session"] for choice in await routed(tenant)]
    assert first == second == third != other
    assert len(first) == 16


async def test_a_call_to_a_model_of_the_catalog_has_no_row(post: Post, tenant: Tenant, settled: Settled) -> None:
    await post(chat(model=LIGHT))
    await settled(1)
    assert await routed(tenant) == []


async def arm_of(post: Post, text: str, **fields: object) -> tuple[str, str]:
    messages = [{"role": "user", "content": text}]
    reply = await post(summary(messages=messages, **fields), headers=FOR_SUMMARIES)
    return reply.headers["x-megarouter-route"].partition(";")[0], reply.headers["x-megarouter-model"]


async def test_some_sessions_are_served_by_the_baseline_in_all_their_calls(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", holdout_percent=20)
    arms = {number: await arm_of(post, f"Summarize number {number}.") for number in range(60)}
    held_out = [number for number, (arm, model) in arms.items() if (arm, model) == ("holdout", STRONG)]
    assert 1 <= len(held_out) <= 30
    assert {arm for number, arm in arms.items() if number not in held_out} == {("routed", LIGHT)}
    assert await arm_of(post, f"Summarize number {held_out[0]}.", temperature=0) == ("holdout", STRONG)


async def test_a_tool_loop_keeps_its_model_until_it_ends(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant, candidates=[STRONG, "gpt-4.1", LIGHT], losses='[["summaries", "gpt-4.1", 0]]')
    await set_policy(tenant, mode="LIVE")
    messages: list[dict[str, object]] = [{"role": "user", "content": "Refactor it."}]
    served = await post(summary(messages=messages), headers=FOR_SUMMARIES)
    assert served.headers["x-megarouter-model"] == "gpt-4.1"
    await tenant.database.execute(
        "UPDATE virtual_models SET losses = $2, revision = revision + 1 WHERE organization_id = $1",
        tenant.organization, f'[["summaries", "gpt-4.1", 0], ["summaries", "{LIGHT}", 0]]',
    )  # fmt: skip
    await until_applied()
    reply = await post(summary(messages=[*messages, *result()]), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-model"] == "gpt-4.1"
    assert reply.headers["x-megarouter-route"] == "routed; reason=kept"
    after = [*messages, *result(), {"role": "assistant", "content": "Done."}, {"role": "user", "content": "yes"}]
    reply = await post(summary(messages=after), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-model"] == LIGHT


async def test_a_light_model_that_loops_on_a_failing_tool_is_replaced(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE")
    messages: list[dict[str, object]] = [{"role": "user", "content": "Refactor it."}]
    models = []
    for _ in range(3):
        messages += result()
        reply = await post(summary(messages=messages), headers=FOR_SUMMARIES)
        models.append(reply.headers["x-megarouter-model"])
    assert models == [LIGHT, LIGHT, STRONG]
    assert reply.headers["x-megarouter-route"] == "baseline; reason=stalled"


@pytest.mark.parametrize("size", [1, 100_000, 300_000])
async def test_a_conversation_is_known_whether_or_not_its_body_is_large(
    post: Post, tenant: Tenant, settled: Settled, size: int
) -> None:
    """A body that one reading could not take without keeping others waiting has no session. The call passes all the same."""
    await add_virtual_model(tenant, candidates=["gpt-4.1"], baseline_model="gpt-4.1", losses="[]")
    assert (await post(summary(messages=[{"role": "user", "content": "x" * size}]))).status == 200
    await settled(1)
    [choice] = await routed(tenant)
    assert (choice["session"] is None) == (size > 262_144)
