"""Model patterns, address lists, two secrets of a key, and shadow guardrails, tested with calls."""

import asyncio
import datetime as dt

import asyncpg
import pytest

from authz_service.check import AuthzService
from gateway_core.model.calls.holds import verify_hold
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from tests.contract.authz_service.conftest import KEY, PEPPER, SIGNING_KEY, Answer, Ask, check_request, checked, guard

CREDIT = 10**9
NEW_KEY = API_KEY.make(b"n" * 32)
NEWER_KEY = API_KEY.make(b"m" * 32)


def hashed(key: str) -> bytes:
    return hash_secret(key, bytes.fromhex(PEPPER))


def shadow_refusals(answer: Answer) -> tuple[int, ...]:
    return verify_hold(answer.metadata["hold"], bytes.fromhex(SIGNING_KEY)).shadow_refusals


async def wait_until_notified() -> None:
    """Waits until a change is pushed, which takes much less than the promised second."""
    await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("whitelist", "allowed"),
    [
        (["provider:acme-ai"], True),
        (["provider:acme"], False),
        (["model-a"], True),
        (["model-a/*"], False),
        ([], False),
    ],
)
@pytest.mark.parametrize(("kind", "scope_id"), [("api_key", "key-1"), ("group", "g2"), ("organization", "acme")])
async def test_a_whitelist_of_patterns_applies_at_every_scope(
    owner: asyncpg.Connection, ask: Ask, kind: str, scope_id: str, whitelist: list[str], *, allowed: bool
) -> None:
    await guard(owner, kind, scope_id, model_whitelist=whitelist)
    await wait_until_notified()
    answer = await ask()
    assert answer.allowed is allowed
    assert allowed or (answer.status, answer.code) == (403, "model_not_allowed")
    listed = (await ask({}, method="GET", path="/v1/models")).body["data"]
    assert ("model-a" in {model["id"] for model in listed}) is allowed


async def test_the_tags_of_a_call_are_in_its_hold(ask: Ask) -> None:
    headers = [("x-tags", "Project=search, env=test"), ("x-tags", "team=研究"), ("x-tagged", "a=b")]
    hold = verify_hold((await ask(headers=headers)).metadata["hold"], bytes.fromhex(SIGNING_KEY))
    assert hold.tags == (("env", "test"), ("project", "search"), ("team", "研究"))
    assert verify_hold((await ask()).metadata["hold"], bytes.fromhex(SIGNING_KEY)).tags == ()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1beta/models/model-a:generateContent"])
async def test_malformed_tags_are_refused_in_the_dialect_of_the_caller(ask: Ask, path: str) -> None:
    refused = await ask(path=path, headers=[("x-tags", "project=search,project=find")])
    assert refused.status == 400
    assert "Invalid 'x-tags': names 'project' twice." in refused.body["error"]["message"]
    assert not refused.metadata.get("hold")


async def from_address(service: AuthzService, address: str, path: str = "/v1/chat/completions") -> Answer:
    request = check_request(path=path, method="GET" if path.endswith("models") else "POST")
    request.attributes.source.address.socket_address.address = address
    return Answer(await checked(service, request))


async def test_a_key_with_an_allow_list_works_only_from_its_networks(
    owner: asyncpg.Connection, service: AuthzService
) -> None:
    await owner.execute("UPDATE api_keys SET ip_allow_list = '{192.0.2.0/24,2001:db8::/32}'")
    await wait_until_notified()
    for address in ("192.0.2.1", "2001:db8::5", "::ffff:192.0.2.8"):
        assert (await from_address(service, address)).allowed
    for address in ("192.0.3.1", "2001:db9::5", ""):
        refused = await from_address(service, address)
        assert (refused.status, refused.code) == (403, "ip_not_allowed")
    assert (await from_address(service, "192.0.3.1", "/v1/models")).status == 403
    await owner.execute("UPDATE api_keys SET ip_allow_list = NULL")
    await wait_until_notified()
    assert (await from_address(service, "192.0.3.1")).allowed


async def rotate(owner: asyncpg.Connection, key: str, overlap_s: float) -> None:
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=overlap_s)
    await owner.execute(
        "UPDATE api_keys SET previous_secret_hash = secret_hash, previous_expire_time = $2, secret_hash = $1",
        hashed(key),
        end,
    )
    await wait_until_notified()


async def test_after_a_rotation_both_secrets_work_until_the_overlap_ends(owner: asyncpg.Connection, ask: Ask) -> None:
    """Nothing is written at the end of the overlap: the cached identity expires by itself."""
    await rotate(owner, NEW_KEY, 1.2)
    assert (await ask(key=KEY)).allowed
    assert (await ask(key=NEW_KEY)).allowed
    await asyncio.sleep(1.2)
    refused = await ask(key=KEY)
    assert (refused.status, refused.code) == (401, "key_expired")
    assert "rotated" in refused.body["error"]["message"]
    assert (await ask(key=NEW_KEY)).allowed


async def test_a_second_rotation_ends_the_first_secret_immediately(owner: asyncpg.Connection, ask: Ask) -> None:
    await rotate(owner, NEW_KEY, 60)
    assert (await ask(key=KEY)).allowed
    await rotate(owner, NEWER_KEY, 60)
    refused = await ask(key=KEY)
    assert refused.code == "invalid_api_key"
    assert "deleted, rotated" in refused.body["error"]["message"]
    assert (await ask(key=NEW_KEY)).allowed
    assert (await ask(key=NEWER_KEY)).allowed


async def test_both_secrets_of_a_disabled_or_expired_key_are_refused(owner: asyncpg.Connection, ask: Ask) -> None:
    await rotate(owner, NEW_KEY, 60)
    await owner.execute("UPDATE api_keys SET state = 'DISABLED'")
    await wait_until_notified()
    assert {(await ask(key=key)).code for key in (KEY, NEW_KEY)} == {"key_disabled"}
    await owner.execute("UPDATE api_keys SET state = 'ACTIVE', expire_time = now()")
    await wait_until_notified()
    assert {(await ask(key=key)).code for key in (KEY, NEW_KEY)} == {"key_expired"}


async def test_a_previous_secret_without_an_end_cannot_be_stored(owner: asyncpg.Connection, organization: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE api_keys SET previous_secret_hash = $1", hashed(NEW_KEY))
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE api_keys SET previous_secret_hash = secret_hash, previous_expire_time = now()")


async def test_a_shadow_budget_counts_every_call_and_refuses_none(owner: asyncpg.Connection, ask: Ask) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=2 * CREDIT, mode="SHADOW")
    await wait_until_notified()
    answers = [await ask() for _ in range(4)]
    assert [shadow_refusals(answer) for answer in answers] == [(), (), (1,), (1,)]


async def test_a_shadow_guardrail_does_not_relax_another(owner: asyncpg.Connection, ask: Ask) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=0, mode="SHADOW")
    await guard(owner, "group", "g1", budget_nano_credits=CREDIT)
    await wait_until_notified()
    assert (await ask()).allowed
    refused = await ask()
    assert [limit["scope"] for limit in refused.body["error"]["limits"]] == ["group"]


async def test_a_shadow_whitelist_lets_a_call_pass_and_counts_once_per_guardrail(
    owner: asyncpg.Connection, ask: Ask
) -> None:
    await guard(owner, "api_key", "key-1", model_whitelist=["model-b"], budget_nano_credits=0, mode="SHADOW")
    await guard(owner, "organization", "acme", model_whitelist=[], mode="SHADOW")
    await wait_until_notified()
    answer = await ask()
    assert shadow_refusals(answer) == (0, 6)
    listed = (await ask({}, method="GET", path="/v1/models")).body["data"]
    assert {model["id"] for model in listed} == {"model-a", "model-b"}


async def test_the_mode_of_a_rate_limit_is_sent_with_it(owner: asyncpg.Connection, ask: Ask) -> None:
    await guard(owner, "member", "mia", requests_per_minute=3, mode="SHADOW")
    await guard(owner, "api_key", "key-1", requests_per_minute=4)
    await wait_until_notified()
    metadata = (await ask()).metadata
    assert metadata["rate_limits"] == "api_key:key-1:MINUTE:4 member:mia:MINUTE:s3"
