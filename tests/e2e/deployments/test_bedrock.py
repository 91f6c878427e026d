"""Calls to Amazon Bedrock. The mock computes every signature again from what arrives, and refuses a wrong one."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from megarouter_envoy.clusters.credentials import write_aws_access_key

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import AWS_KEYS, SIGNED_NAME, Upstreams, cost_at
from tests.support.data.own_keys import bring_own_key
from tests.support.metered_calls import Metering
from tests.support.servers.mock_process import MockProcess
from tests.support.servers.scripted_upstream import json_answer

MESSAGE = {"model": "signed", "max_tokens": 50, "messages": [{"role": "user", "content": "How are you? äöü"}]}
PATIENCE_S = 30.0
GATEWAYS, OWN = (key.partition(":")[0] for key in AWS_KEYS.values())
"""The ids of the access keys."""


@pytest.fixture
def access_key(deployed_stack: Stack) -> Iterator[None]:
    """Lets the test replace the access key. Afterwards it is the first one again."""
    yield
    write_aws_access_key(deployed_stack.home.envoy_files.credentials / "bedrock", AWS_KEYS["first"])


@pytest.mark.parametrize("streams", [False, True])
async def test_a_signed_message_is_served_and_metered(calls: Metering, aws: MockProcess, *, streams: bool) -> None:
    reply = await calls.call({**MESSAGE, "stream": streams}, "/v1/messages?beta=true")
    assert reply.status == 200, reply.text
    served = aws.call()
    assert (served["path"], served["body"]["model"]) == ("/anthropic/v1/messages", SIGNED_NAME)
    assert served["gateway_headers"] == []
    charged = await calls.charged()
    assert charged.source == "provider"
    assert charged.tokens["output"] == served["counts"]["output"]


async def test_a_body_that_the_gateway_changes_is_signed_as_it_leaves(calls: Metering, aws: MockProcess) -> None:
    reply = await calls.call(chat(model="signed", stream=True))
    assert reply.status == 200, reply.text
    assert aws.call()["body"]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("streams", [False, True])
async def test_the_attempt_after_a_failed_one_is_signed(
    calls: Metering, upstreams: Upstreams, aws: MockProcess, *, streams: bool
) -> None:
    upstreams.alpha.choose(lambda _request: json_answer({"error": {}}, 500))
    reply = await calls.call(chat(model="signed-last", stream=streams))
    assert reply.status == 200, reply.text
    assert aws.call()["body"]["model"] == SIGNED_NAME
    [failed] = upstreams.alpha.requests
    assert failed.header("authorization") == "Bearer credential-of-alpha"
    charged = await calls.charged()
    assert charged.record["deployment"] == f"bedrock/{SIGNED_NAME}"


async def test_the_attempt_after_a_signed_one_takes_no_signature_along(
    calls: Metering, upstreams: Upstreams, aws: MockProcess
) -> None:
    os.kill(aws.process.pid, signal.SIGSTOP)
    try:
        reply = await calls.call(chat(model="signed-first"))
    finally:
        os.kill(aws.process.pid, signal.SIGCONT)
    assert reply.status == 200, reply.text
    [request] = upstreams.beta.requests
    assert request.header("authorization") == "Bearer credential-of-beta"
    assert not [name for name, _ in request.headers if name.startswith(("x-amz-", "x-megarouter-"))]
    assert aws.call()["finished"] == "client_gone"
    assert (await calls.charged()).nano_credits == cost_at("beta")


async def test_a_replaced_access_key_signs_without_a_restart(
    calls: Metering, aws: MockProcess, deployed_stack: Stack, access_key: None
) -> None:
    write_aws_access_key(deployed_stack.home.envoy_files.credentials / "bedrock", AWS_KEYS["second"])
    second = AWS_KEYS["second"].split(":")[0]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            assert (await calls.call(MESSAGE, "/v1/messages")).status == 200
            if aws.get("/tally/calls")["calls"][-1]["access_key"] == second:
                break
            await asyncio.sleep(0.1)


async def test_a_wrong_secret_is_refused_and_seen_by_the_operator_only(
    calls: Metering, aws: MockProcess, deployed_stack: Stack, access_key: None
) -> None:
    write_aws_access_key(deployed_stack.home.envoy_files.credentials / "bedrock", f"{AWS_KEYS['first']}-wrong")
    async with asyncio.timeout(PATIENCE_S):
        while (reply := await calls.call(MESSAGE, "/v1/messages")).status == 200:
            await asyncio.sleep(0.1)
    assert reply.status == 502
    assert "Canonical" not in reply.text
    assert aws.get("/tally/calls")["calls"][-1]["status"] == 403


@pytest.mark.parametrize("text", ["How are you? äöü", "long " * 60_000], ids=["short", "in pieces"])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_message_is_signed_with_the_own_key(
    calls: Metering, aws: MockProcess, deployed_stack: Stack, text: str, *, streams: bool
) -> None:
    """The own key is temporary. Seen to fail while the hash of the body was that of nothing."""
    message = {**MESSAGE, "messages": [{"role": "user", "content": text}]}
    assert (await calls.call(message, "/v1/messages")).status == 200
    assert aws.call()["access_key"] == GATEWAYS
    await bring_own_key(calls.tenant, deployed_stack, "bedrock", AWS_KEYS["second"])
    aws.reset()
    reply = await calls.call({**message, "stream": streams}, "/v1/messages?beta=true")
    assert reply.status == 200, reply.text
    served = aws.call()
    assert (served["access_key"], served["path"], served["body"]["model"]) == (
        OWN,
        "/anthropic/v1/messages",
        SIGNED_NAME,
    )
    assert (await calls.charged(2)).record["own_key"]


async def test_the_attempt_after_a_failed_one_is_signed_with_the_own_key(
    calls: Metering, upstreams: Upstreams, aws: MockProcess, deployed_stack: Stack
) -> None:
    """The body names another model than in the first attempt, and is signed as it leaves."""
    await bring_own_key(calls.tenant, deployed_stack, "alpha", "sk-own-at-alpha-1c5")
    await bring_own_key(calls.tenant, deployed_stack, "bedrock", AWS_KEYS["second"])
    upstreams.alpha.choose(lambda _request: json_answer({"error": {}}, 500))
    reply = await calls.call(chat(model="signed-last", stream=True))
    assert reply.status == 200, reply.text
    assert (aws.call()["access_key"], aws.call()["body"]["model"]) == (OWN, SIGNED_NAME)
    assert [one.header("authorization") for one in upstreams.alpha.requests] == ["Bearer sk-own-at-alpha-1c5"]


async def test_an_error_about_the_own_access_key_reaches_the_caller(
    calls: Metering, aws: MockProcess, deployed_stack: Stack
) -> None:
    secret = f"{AWS_KEYS['first']}-wrong"
    await bring_own_key(calls.tenant, deployed_stack, "bedrock", secret)
    reply = await calls.call(MESSAGE, "/v1/messages")
    assert reply.status == 403, reply.text
    assert not [part for part in secret.split(":") if part in reply.text]
    assert [one["status"] for one in aws.get("/tally/calls")["calls"]] == [403]
