"""Organizations bring keys of their own at providers: on every Envoy, their calls carry them and no other calls do."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from deploy.local.programs import probes
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.live.conftest import PATIENCE_S, SECRET, Answer, Gateways, model_of, served
from tests.e2e.live.test_live_configuration import files_with, mode_of
from tests.support.servers.scripted_upstream import Pause, Request, Script, Send, chunk, event, json_answer, stream_head

OWN = "sk-own-acme-91b4d6e07f"
OTHER_OWN = "sk-own-other-5c2a80e3d1"
CREDITS = 10**12
BAD_KEY = {"error": {"message": f"Incorrect API key provided: {OWN}.", "code": "invalid_api_key"}}

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Organizations:
    """Two organizations: `acme` of the demo, and another one."""

    gateways: Gateways
    key: str
    other: str
    """The id of the other one."""
    other_key: str

    async def set(
        self,
        provider: str,
        secret: str,
        organization: str = "acme",
        stack: Stack | None = None,
        *,
        falls_back: bool = False,
    ) -> Answer:
        path = f"organizations/{organization}/providerCredentials/{provider}:set"
        return await self.gateways.operate(path, {"secret": secret, "gatewayFallback": falls_back}, stack)

    async def clear(self, provider: str, organization: str = "acme", stack: Stack | None = None) -> Answer:
        return await self.gateways.operate(
            f"organizations/{organization}/providerCredentials/{provider}:clear", {}, stack
        )

    async def sent(self, model: str, key: str, stack: Stack) -> str:
        """Makes a call, and returns the credential that the provider got."""
        answer = await self.gateways.call(stack, model, key)
        assert answer.status == 200, answer.text
        return str(self.gateways.upstream.requests[-1].header("authorization")).removeprefix("Bearer ")

    async def sent_anywhere(self, model: str) -> list[tuple[str, str]]:
        """Returns what the provider gets for both organizations, from each gateway."""
        return [
            (await self.sent(model, self.key, stack), await self.sent(model, self.other_key, stack))
            for stack in self.gateways.both
        ]


@pytest.fixture
async def both(gateways: Gateways) -> Organizations:
    other = f"other-{uuid.uuid4().hex[:12]}"
    made = await gateways.operate(f"organizations?organizationId={other}", {"displayName": "Other", "timeZone": "UTC"})
    assert made.status == 200, made.text
    grant = {"amountNanoCredits": str(CREDITS), "requestId": str(uuid.uuid4()), "reason": "test"}
    granted = await gateways.operate(f"organizations/{other}/summary:grantCredit", grant)
    assert granted.status == 200, granted.text
    key = await gateways.operate(f"organizations/{other}/apiKeys", {"displayName": "other"})
    assert key.status == 200, key.text
    return Organizations(gateways, gateways.first.environment["MEGAROUTER_API_KEY"], other, key.json["secret"])


async def test_only_calls_of_the_organization_carry_its_key(both: Organizations) -> None:
    """Each change is live on both Envoys when its answer comes, whichever gateway made it."""
    first, second = both.gateways.both
    model = await both.gateways.offer("own-lone")
    await both.gateways.seconds_until_served(model)
    assert await both.sent_anywhere(model) == [(SECRET, SECRET)] * 2
    answer = await both.set("own-lone", OWN)
    assert (answer.status, answer.json["setter"]) == (200, "users/acme-olivia")
    assert OWN not in answer.text
    assert await both.sent_anywhere(model) == [(OWN, SECRET)] * 2
    assert (await both.set("own-lone", OTHER_OWN, both.other, second)).status == 200
    assert await both.sent_anywhere(model) == [(OWN, OTHER_OWN)] * 2
    assert (await both.set("own-lone", f"{OWN}-2", stack=second)).status == 200
    assert await both.sent_anywhere(model) == [(f"{OWN}-2", OTHER_OWN)] * 2
    assert (await both.clear("own-lone", stack=first)).status == 200
    await asyncio.sleep(0.2)  # the push to authz_service
    assert await both.sent_anywhere(model) == [(SECRET, OTHER_OWN)] * 2
    listed = (await both.gateways.read(f"organizations/{both.other}/providerCredentials")).json
    assert [one["name"] for one in listed["ownProviderCredentials"]] == [
        f"organizations/{both.other}/providerCredentials/own-lone"
    ]


async def test_attempts_at_several_deployments_each_carry_the_right_key(both: Organizations) -> None:
    """The first deployment fails, the second serves the call."""
    for provider in ("own-first", "own-second"):
        await both.gateways.offer(provider)
    model = await offer_over(both.gateways, "own-several", "own-first", "own-second")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-first", OWN)).status == 200
    assert (await both.set("own-second", f"{OWN}-b")).status == 200

    def first_fails(request: Request) -> Script:
        is_first = b'"own-first"' in request.body
        return json_answer({"error": {"message": "down"}}, 503) if is_first else served(request)

    both.gateways.upstream.choose(first_fails)
    for key, expected in ((both.key, {"own-first": OWN, "own-second": f"{OWN}-b"}), (both.other_key, {})):
        both.gateways.upstream.reset()
        both.gateways.upstream.choose(first_fails)
        for _ in range(6):
            assert (await both.gateways.call(both.gateways.first, model, key)).status == 200
        for request in both.gateways.upstream.requests:
            served_at = "own-first" if b'"own-first"' in request.body else "own-second"
            assert request.header("authorization") == f"Bearer {expected.get(served_at, SECRET)}"


@pytest.mark.parametrize("status", [503, 429])
async def test_calls_with_own_keys_go_nowhere_else_unless_the_key_allows_it(both: Organizations, status: int) -> None:
    """The deployment without an own key is the preferred one. Seen to fail without `Principal.providers_for`."""
    kept, spare = f"own-kept-{status}", f"own-other-{status}"
    for provider in (kept, spare):
        await both.gateways.offer(provider)
    model = await offer_over(both.gateways, f"own-keeping-{status}", spare, kept)
    await both.gateways.seconds_until_served(model)
    assert await both.sent(model, both.key, both.gateways.first) == SECRET
    assert (await both.set(kept, OWN)).json["gatewayFallback"] is False
    assert await both.sent_anywhere(model) == [(OWN, SECRET)] * 2

    def kept_fails(request: Request) -> Script:
        error = json_answer({"error": {"message": "busy"}}, status)
        return error if f'"{kept}"'.encode() in request.body else served(request)

    both.gateways.upstream.reset()
    both.gateways.upstream.choose(kept_fails)
    for _ in range(3):  # what failed a moment ago is not avoided either
        answer = await both.gateways.call(both.gateways.first, model, both.key)
        assert answer.status == status, answer.text
        await asyncio.sleep(0.5)
    assert {request.header("authorization") for request in both.gateways.upstream.requests} == {f"Bearer {OWN}"}
    assert (await both.set(kept, OWN, falls_back=True)).json["gatewayFallback"] is True
    both.gateways.upstream.reset()
    both.gateways.upstream.choose(kept_fails)
    assert (await both.gateways.call(both.gateways.first, model, both.key)).status == 200
    sent = [str(request.header("authorization")).removeprefix("Bearer ") for request in both.gateways.upstream.requests]
    assert sent == [OWN, SECRET]


async def test_a_wrong_key_is_the_organizations_own_affair(both: Organizations) -> None:
    """The provider's error reaches the caller without the key, no attempt is made with the gateway's credential, and the calls of
    others go on. Seen to fail without `answersOwnKey`."""
    for provider in ("own-wrong", "own-spare"):
        await both.gateways.offer(provider)
    model = await offer_over(both.gateways, "own-wrong-several", "own-wrong", "own-spare")
    for one in ("own-wrong-model", model):
        await both.gateways.seconds_until_served(one)
    for provider in ("own-wrong", "own-spare"):
        assert (await both.set(provider, OWN)).status == 200

    def check_key(request: Request) -> Script:
        return json_answer(BAD_KEY, 401) if OWN in str(request.header("authorization")) else served(request)

    for one in ("own-wrong-model", model):
        both.gateways.upstream.reset()
        both.gateways.upstream.choose(check_key)
        for _ in range(12):  # more than open a breaker
            answer = await both.gateways.call(both.gateways.first, one, both.key)
            assert answer.status == 401, answer.text
            assert answer.json["error"]["code"] == "invalid_api_key"
            assert OWN not in answer.text
            assert "[redacted]" in answer.text
        assert {request.header("authorization") for request in both.gateways.upstream.requests} == {f"Bearer {OWN}"}
        await asyncio.sleep(1.0)  # settlement, and health that is reread
        for stack in both.gateways.both:
            for _ in range(6):
                assert (await both.gateways.call(stack, one, both.other_key)).status == 200
    catalog = (await both.gateways.read("models/own-wrong-several")).json
    assert {one["state"] for one in catalog["deployments"]} == {"STATE_SERVING"}


async def test_a_refusal_of_the_gateways_own_account_still_stays_hidden(both: Organizations) -> None:
    model = await both.gateways.offer("own-hidden")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-hidden", OWN)).status == 200
    both.gateways.upstream.choose(lambda _request: json_answer({"error": {"message": "bad key"}}, 401))
    assert (await both.gateways.call(both.gateways.first, model, both.key)).status == 401
    assert (await both.gateways.call(both.gateways.first, model, both.other_key)).status == 502


@pytest.mark.parametrize(("secret", "quoted"), [(OWN, OWN), ("AKIDOFACME:sec-ret-of-acme", "sec-ret-of-acme")])
async def test_no_answer_quotes_an_own_key(both: Organizations, secret: str, quoted: str) -> None:
    """Neither in a header nor in the body of an error, nor a part of an access key. Seen to fail without `own_secrets`."""
    provider = f"own-quoting-{len(secret)}"
    model = await both.gateways.offer(provider)
    await both.gateways.seconds_until_served(model)
    assert (await both.set(provider, secret)).status == 200
    body = {"error": {"message": f"odd word {quoted}", "detail": quoted.replace("-", "\\u002d")}}
    both.gateways.upstream.choose(lambda _request: json_answer(body, 400))
    answer = await both.gateways.call(both.gateways.first, model, both.key)
    assert answer.status == 400
    assert quoted not in answer.text
    assert answer.text.count("[redacted]") >= 1


async def test_headers_of_a_client_choose_no_key(both: Organizations) -> None:
    model = await both.gateways.offer("own-spoofed")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-spoofed", OWN)).status == 200
    file = max(path for path in own_key_files(both.gateways.first) if path.read_text() == f"acme\n{OWN}")
    spoofed = {
        "authorization": f"Bearer {both.other_key}",
        "x-megarouter-cluster": "ownkey-own-spoofed",
        "x-megarouter-own-keys": file.name,
        "own-keys": file.name,
        "x-megarouter-organization": "acme",
    }
    url = f"{both.gateways.first.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
    body = {"model": model, "messages": [{"role": "user", "content": "Hello."}]}
    async with both.gateways.session.post(url, json=body, headers=spoofed) as response:
        assert response.status == 200
    assert both.gateways.upstream.requests[-1].header("authorization") == f"Bearer {SECRET}"


async def test_streams_go_on_while_keys_change(both: Organizations) -> None:
    model = await both.gateways.offer("own-stream")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-stream", OWN)).status == 200
    piece = {"id": "1", "object": "chat.completion.chunk", "model": "tiny", "created": 1}
    words = [{**piece, "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]} for _ in range(8)]
    end = {**piece, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13}}

    def slow(_request: Request) -> Script:
        steps = [step for word in words for step in (chunk(event(word)), Pause(0.3))]
        return [Send(stream_head()), *steps, chunk(event(end)), chunk(event("[DONE]")), chunk(b"")]

    both.gateways.upstream.choose(slow)
    stream = asyncio.create_task(both.gateways.call(both.gateways.first, model, both.key, stream=True))
    await asyncio.sleep(0.5)
    assert both.gateways.upstream.requests[-1].header("authorization") == f"Bearer {OWN}"
    assert (await both.set("own-stream", f"{OWN}-3")).status == 200
    assert (await both.clear("own-stream")).status == 200
    answer = await stream
    assert answer.status == 200
    assert answer.text.rstrip().endswith("[DONE]")


async def test_a_key_whose_file_is_missing_is_not_replaced_by_the_gateways(both: Organizations) -> None:
    """Seen to fail while the module went on without the file."""
    model = await both.gateways.offer("own-missing")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-missing", OWN)).status == 200
    stack = both.gateways.second
    await asyncio.to_thread(stack.stop_process, "admin_service")  # or it would write the file again
    try:
        for file in own_key_files(stack):
            if OWN in file.read_text():
                file.unlink()
        both.gateways.upstream.reset()
        both.gateways.upstream.choose(served)
        answer = await both.gateways.call(stack, model, both.key)
        assert answer.status == 503
        assert not both.gateways.upstream.requests
        assert (await both.gateways.call(stack, model, both.other_key)).status == 200
    finally:
        await asyncio.to_thread(stack.start_process, "admin_service")


async def test_an_own_key_is_in_no_log_dump_or_table(both: Organizations) -> None:
    secret = "sk-own-never-seen-77c1e0a9"
    model = await both.gateways.offer("own-discreet")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-discreet", secret)).status == 200
    assert await both.sent(model, both.key, both.gateways.first) == secret
    for stack in both.gateways.both:
        _, dump = probes.admin_request(stack.home.envoy_admin_socket, "/config_dump")
        assert "ownkey-own-discreet" in dump
        assert secret not in dump
        [name] = await asyncio.to_thread(files_with, secret, stack)
        kept = stack.home.envoy_files.live / "own_keys" / name
        assert await asyncio.to_thread(mode_of, kept) == 0o600
    connection = await asyncpg.connect(both.gateways.first.environment["MEGAROUTER_DATABASE_URL"])
    try:
        for table in ("organization_provider_credentials", "audit_log", "operator_audit_log", "request_replays"):
            rows = await connection.fetch(f"SELECT t::text AS text FROM {table} t")  # noqa: S608 - a name of the list
            assert rows or table == "request_replays"
            assert not [row for row in rows if secret in row["text"] or secret.encode().hex() in row["text"]], table
    finally:
        await connection.close()
    assert (await both.clear("own-discreet")).status == 200
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(files_with, secret, both.gateways.first):
            await asyncio.sleep(0.5)


async def test_the_record_of_a_call_says_whose_key_it_carried(both: Organizations) -> None:
    model = await both.gateways.offer("own-recorded")
    await both.gateways.seconds_until_served(model)
    assert (await both.set("own-recorded", OWN)).status == 200
    assert await both.sent(model, both.key, both.gateways.first) == OWN
    async with asyncio.timeout(PATIENCE_S):
        while not (calls := await calls_of(both, model)) or not calls[0]["ownKey"]:
            await asyncio.sleep(0.1)
    assert int(calls[0]["chargeNanoCredits"]) > 0
    assert not any(one["ownKey"] for one in calls[1:])


async def calls_of(both: Organizations, model: str) -> list[Mapping[str, Any]]:
    """Returns the calls of `acme` to a model, newest first."""
    filters = f"timeRange.startTime=2026-01-01T00:00:00Z&usageFilter.models=models/{model}"
    answer = await both.gateways.read(f"organizations/acme/calls?{filters}")
    assert answer.status == 200, answer.text
    found: list[Mapping[str, Any]] = answer.json["calls"]
    return found


async def offer_over(gateways: Gateways, name: str, *providers: str) -> str:
    """Offers a model with a deployment at each provider, which knows it by the name of the provider. The first one is preferred."""
    definition = {key: value for key, value in model_of("").items() if key not in {"provider", "upstream_name"}}
    deployments = [{"provider": one, "upstream_name": one, "priority": place} for place, one in enumerate(providers)]
    offered = await gateways.operate(f"models/{name}:offer", {"definition": {**definition, "deployments": deployments}})
    assert offered.status == 200, offered.text
    return name


def own_key_files(stack: Stack) -> list[Any]:
    """Returns the files of own keys that an Envoy reads."""
    return list((stack.home.envoy_files.live / "own_keys").iterdir())
