"""A call to a virtual model is served by the model that the policy allows, billed as that model, and compared with the baseline."""

import json
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from benchmarks.routing.scores.weights import WEIGHTS_FILE, read_score_file
from gateway_core.model.money import charge_nano_credits
from tests.e2e.conftest import Post, Reply, chat
from tests.support.data.tenants import Tenant, until_applied

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]

MOST_CALLS = 60
STRONG, LIGHT = "gpt-4o", "gpt-4o-mini"
PRICES = {STRONG: (2_500_000_000, 10_000_000_000), LIGHT: (150_000_000, 600_000_000)}


async def add_virtual_model(tenant: Tenant, name: str = "assistant", **columns: object) -> None:
    values: dict[str, object] = {
        "candidates": [STRONG, LIGHT],
        "baseline_model": STRONG,
        "losses": json.dumps([["summaries", LIGHT, 50], ["contracts", LIGHT, 900]]),
        "owner_kind": "organization",
        "owner_id": tenant.organization,
        **columns,
    }
    names = ", ".join(values)
    marks = ", ".join(f"${number}" for number in range(3, 3 + len(values)))
    await tenant.database.execute(
        f"INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, {names})"  # noqa: S608
        f" VALUES ($1, 'vm-' || md5(random()::text), $2, {marks})",
        tenant.organization, name, *values.values(),
    )  # fmt: skip


async def set_policy(tenant: Tenant, kind: str = "organization", scope_id: str = "", **columns: object) -> None:
    columns = {"holdout_percent": 0, **columns}
    names = ", ".join(columns)
    marks = ", ".join(f"${number}" for number in range(4, 4 + len(columns)))
    await tenant.database.execute(
        f"INSERT INTO routing_policies (organization_id, scope_kind, scope_id, {names}) VALUES ($1, $2, $3, {marks})",  # noqa: S608
        tenant.organization, kind, scope_id or tenant.organization, *columns.values(),
    )  # fmt: skip


async def routed(tenant: Tenant) -> list[asyncpg.Record]:
    return list(
        await tenant.database.fetch(
            "SELECT * FROM routed_calls WHERE organization_id = $1 ORDER BY sequence", tenant.organization
        )
    )


def summary(**fields: object) -> dict[str, object]:
    return chat(model="assistant", **fields)


FOR_SUMMARIES = {"x-tags": "use-case=summaries"}


async def test_a_simple_call_is_served_and_billed_by_the_light_model(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.status == 200
    assert reply.headers["x-megarouter-model"] == LIGHT
    assert reply.headers["x-megarouter-route"] == "routed; reason=cheapest"
    [record] = await settled(1)
    assert (record["requested_model"], record["answered_model"]) == (LIGHT, LIGHT)
    [choice] = await routed(tenant)
    assert (choice["virtual_model"], choice["arm"], choice["is_simple"]) == ("assistant", "ROUTED", True)
    tokens = record["input_tokens"], record["output_tokens"]
    expected = {
        model: sum(charge_nano_credits(count, price) for count, price in zip(tokens, prices, strict=True))
        for model, prices in PRICES.items()
    }
    assert choice["chosen_nano_credits"] == record["charge_nano_credits"] == expected[LIGHT]
    assert choice["baseline_nano_credits"] == expected[STRONG]
    assert choice["saved_nano_credits"] == expected[STRONG] - expected[LIGHT] > 0


async def test_without_a_policy_the_baseline_serves_and_the_record_says_what_it_would_have_saved(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-model"] == STRONG
    assert reply.headers["x-megarouter-route"] == "shadow; reason=cheapest"
    [record] = await settled(1)
    [choice] = await routed(tenant)
    assert (record["requested_model"], choice["arm"], choice["chosen_model"]) == (STRONG, "SHADOW", LIGHT)
    assert choice["baseline_nano_credits"] == record["charge_nano_credits"] > choice["chosen_nano_credits"] > 0


@pytest.mark.parametrize(
    ("tags", "reason"),
    [("use-case=contracts", "not_measured"), ("use-case=poems", "not_measured"), ("", "not_measured")],
)
async def test_what_is_not_measured_well_enough_goes_to_the_baseline(
    post: Post, tenant: Tenant, tags: str, reason: str
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    reply = await post(summary(), headers={"x-tags": tags} if tags else {})
    assert reply.headers["x-megarouter-model"] == STRONG
    assert reply.headers["x-megarouter-route"] == f"baseline; reason={reason}"


async def test_the_score_of_what_the_user_wrote_decides_where_it_was_measured(post: Post, tenant: Tenant) -> None:
    file = read_score_file(WEIGHTS_FILE)
    texts = sorted(("Say hello.", "Prove the theorem of Fermat."), key=file.scores_of)
    (low,), (high,) = map(file.scores_of, texts)
    assert low < high
    losses = json.dumps([["summaries", LIGHT, 900], ["summaries", LIGHT, 50, 1, file.version, low]])
    await add_virtual_model(tenant, losses=losses)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    served = [
        (await post(summary(messages=[{"role": "user", "content": text}]), headers=FOR_SUMMARIES)).headers[
            "x-megarouter-model"
        ]
        for text in texts
    ]
    assert served == [LIGHT, STRONG]


async def test_a_budget_that_is_nearly_used_up_brings_the_cheaper_model_and_lasts_longer(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100, degrade_at_percent=50)
    await tenant.guard("member", "mia", budget_nano_credits=3_000_000)
    replies: list[Reply] = []
    while not replies or (replies[-1].headers["x-megarouter-model"] == STRONG and len(replies) < MOST_CALLS):
        replies.append(await post(summary(max_tokens=100)))
        assert replies[-1].status == 200
    assert replies[0].headers["x-megarouter-model"] == STRONG
    assert replies[-1].headers["x-megarouter-model"] == LIGHT
    assert replies[-1].headers["x-megarouter-route"] == "routed; reason=degraded"
    # Two calls may be settled in another order than they were made.
    records = {record["hold_id"]: record for record in await settled(len(replies))}
    [choice] = [choice for choice in await routed(tenant) if choice["chosen_model"] == LIGHT]
    assert (choice["reason"], choice["arm"]) == ("degraded", "ROUTED")
    record = records[choice["hold_id"]]
    assert choice["chosen_nano_credits"] == record["charge_nano_credits"] < choice["baseline_nano_credits"]


async def test_a_whitelist_applies_to_the_virtual_name_and_to_every_candidate(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    await tenant.guard("member", "mia", model_whitelist=[STRONG, LIGHT])
    refused = await post(summary(), headers=FOR_SUMMARIES)
    assert (refused.status, refused.json["error"]["code"]) == (403, "model_not_allowed")
    await tenant.guard("member", "mia", model_whitelist=[STRONG, "assistant"])
    await until_applied()
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert (reply.status, reply.headers["x-megarouter-model"]) == (200, STRONG)
    await tenant.guard("member", "mia", model_whitelist=["assistant"])
    await until_applied()
    refused = await post(summary(), headers=FOR_SUMMARIES)
    assert (refused.status, refused.json["error"]["code"]) == (403, "model_not_allowed")


async def test_the_kill_switch_of_a_virtual_model_sends_every_call_to_the_baseline(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    assert (await post(summary(), headers=FOR_SUMMARIES)).headers["x-megarouter-model"] == LIGHT
    await tenant.database.execute(
        "UPDATE virtual_models SET state = 'DISABLED', revision = revision + 1 WHERE organization_id = $1",
        tenant.organization,
    )
    await until_applied()
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-route"] == "baseline; reason=switched_off"


async def test_the_nearest_owner_of_a_name_wins(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await add_virtual_model(tenant, owner_kind="group", owner_id="g2", candidates=[LIGHT], baseline_model=LIGHT)
    assert (await post(summary())).headers["x-megarouter-model"] == LIGHT


async def test_the_nearest_policy_sets_the_mode(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    await set_policy(tenant, "group", "g3", mode="OFF")
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-route"] == "baseline; reason=mode_off"
    await set_policy(tenant, "api_key", tenant.key_id, mode="LIVE")
    await until_applied()
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.headers["x-megarouter-route"] == "routed; reason=cheapest"


@pytest.mark.parametrize(
    ("route", "model"),
    [("best", STRONG), ("cheapest", LIGHT), (f"model={LIGHT}", LIGHT), (f"model=openai/{STRONG}", STRONG)],
)
async def test_a_caller_may_choose_where_the_policy_allows_it(
    post: Post, tenant: Tenant, route: str, model: str
) -> None:
    await add_virtual_model(tenant)
    reply = await post(summary(), headers={"x-route": route})
    assert (reply.status, reply.headers["x-megarouter-model"]) == (200, model)
    assert reply.headers["x-megarouter-route"].startswith("overridden; reason=asked_")


@pytest.mark.parametrize(
    "route", ["worst", "model=", "model", "cheapest=gpt-4o", "model=gpt-9", "model=claude-sonnet-5"]
)
async def test_a_route_that_does_not_exist_is_refused(post: Post, tenant: Tenant, route: str) -> None:
    await add_virtual_model(tenant)
    reply = await post(summary(), headers={"x-route": route})
    assert (reply.status, reply.json["error"]["param"]) == (400, "x-route")


async def test_a_policy_can_forbid_the_choice_of_callers(post: Post, tenant: Tenant) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, allow_override=False)
    await set_policy(tenant, "api_key", tenant.key_id, allow_override=True)
    reply = await post(summary(), headers={"x-route": "best"})
    assert (reply.status, reply.json["error"]["param"]) == (400, "x-route")


async def test_a_body_larger_than_the_light_window_goes_to_a_larger_one(post: Post, tenant: Tenant) -> None:
    large = "gpt-4.1"
    await add_virtual_model(
        tenant,
        candidates=[large, LIGHT],
        baseline_model=large,
        losses=json.dumps([["summaries", LIGHT, 0]]),
    )
    await set_policy(tenant, mode="LIVE")
    long = [{"role": "user", "content": "word " * 40_000}, {"role": "user", "content": "ok, continue"}]
    reply = await post(summary(messages=long), headers=FOR_SUMMARIES)
    assert (reply.status, reply.headers["x-megarouter-model"]) == (200, large)


async def test_pictures_do_not_go_to_a_model_that_reads_only_text(post: Post, tenant: Tenant) -> None:
    blind = "deepseek-flash"
    await add_virtual_model(
        tenant, candidates=[STRONG, blind], baseline_model=STRONG, losses=json.dumps([["summaries", blind, 0]])
    )
    await set_policy(tenant, mode="LIVE")
    assert (await post(summary(), headers=FOR_SUMMARIES)).headers["x-megarouter-model"] == blind
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
    reply = await post(summary(messages=messages), headers=FOR_SUMMARIES)
    assert (reply.status, reply.headers["x-megarouter-model"]) == (200, STRONG)


@pytest.mark.parametrize(
    ("path", "body", "provider"),
    [
        ("/v1/chat/completions", chat(model="auto"), "openai"),
        (
            "/v1/messages",
            {"model": "auto", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]},
            "anthropic",
        ),
        ("/v1beta/models/auto:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}, "google"),
    ],
)
async def test_every_organization_has_auto_in_every_dialect(
    post: Post, tenant: Tenant, settled: Settled, path: str, body: object, provider: str
) -> None:
    reply = await post(body, path=path)
    assert reply.status == 200, reply.text
    [record] = await settled(1)
    assert record["provider_id"] == provider
    assert record["answered_model"]
    assert record["answered_model"] != "auto"


async def test_an_unknown_name_is_refused_as_before(post: Post) -> None:
    reply = await post(chat(model="assistant"))
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
