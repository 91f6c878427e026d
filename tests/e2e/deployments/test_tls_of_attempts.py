"""Attempts of one call at hosts of different names, over TLS with certificates of an authority of the test's own.

Each server has a certificate for its own name only. So an attempt passes only if its part of the cluster asks for that name and
checks it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat, pepper_of
from tests.e2e.deployments.conftest import Upstreams
from tests.support.data.tenants import make_tenant
from tests.support.metered_calls import Metering
from tests.support.ports import free_port_base
from tests.support.servers.certificates import Authority
from tests.support.servers.scripted_upstream import json_answer
from tests.support.servers.tls_server import running_tls_server

PRICES = {"input": 1_000_000_000, "output": 4_000_000_000}
HOSTS = {"alpha": "one.localhost", "beta": "two.localhost", "gamma": "three.localhost"}
ORDERS = {"first": ("alpha", "beta"), "second": ("beta", "alpha"), "misnamed": ("gamma", "beta")}


def catalog_of(ports: dict[str, int]) -> dict[str, object]:
    """Returns a catalog with a provider at each host, and a model for each order of two of them."""
    providers = [
        {
            "name": name,
            "display_name": name,
            "credential_env": f"{name.upper()}_KEY",
            "credential_header": "authorization",
            "stream_options": True,
            "dialects": {"openai": f"https://{HOSTS[name]}:{port}/{name}/v1"},
        }
        for name, port in ports.items()
    ]
    models = [
        {
            "name": model,
            "endpoints": ["chat_completions"],
            "context_window_tokens": 100_000,
            "max_output_tokens": 4_000,
            "default_output_reserve_tokens": 1_000,
            "prices_nano_credits_per_million_tokens": PRICES,
            "effective_date": "2026-01-01",
            "deployments": [
                {"provider": name, "upstream_name": f"model-at-{name}", "priority": priority}
                for priority, name in enumerate(order)
            ],
        }
        for model, order in ORDERS.items()
    ]
    return {"version": 1, "providers": providers, "models": models}


@pytest.fixture(scope="module")
def tls_stack(running_upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority("trusted", folder)
    behind = {"alpha": running_upstreams.alpha, "beta": running_upstreams.beta, "gamma": running_upstreams.alpha}
    with ExitStack() as running:
        ports = {}
        for name, upstream in behind.items():
            pair = authority.issue("another.localhost" if name == "gamma" else HOSTS[name], folder / name)
            ports[name] = running.enter_context(running_tls_server(pair, urlsplit(upstream.url).port or 0))
        catalog = folder / "catalog.yaml"
        catalog.write_text(yaml.safe_dump(catalog_of(ports)), encoding="utf-8")
        settings = {f"{name.upper()}_KEY": f"credential-of-{name}" for name in ports}
        settings["SSL_CERT_FILE"] = str(authority.file)
        home = tmp_path_factory.mktemp("tls-stack")
        yield running.enter_context(Stack(home, free_port_base(), catalog=catalog, settings=settings))


@pytest.fixture
async def tls_calls(tls_stack: Stack, upstreams: Upstreams) -> AsyncIterator[Metering]:
    url = tls_stack.environment["MEGAROUTER_DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        yield Metering(tls_stack, await make_tenant(pool, pepper_of(tls_stack)), upstreams.alpha)


@pytest.mark.parametrize(("model", "failing", "serving"), [("first", "alpha", "beta"), ("second", "beta", "alpha")])
async def test_each_attempt_asks_for_the_name_of_its_own_host(
    tls_calls: Metering, upstreams: Upstreams, model: str, failing: str, serving: str
) -> None:
    hosts = {"alpha": upstreams.alpha, "beta": upstreams.beta}
    hosts[failing].choose(lambda _request: json_answer({"error": {}}, 500))
    reply = await tls_calls.call(chat(model=model))
    assert reply.status == 200, reply.text
    for name in (failing, serving):
        [request] = hosts[name].requests
        assert request.header("host") == HOSTS[name]
        assert request.header("authorization") == f"Bearer credential-of-{name}"
    assert (await tls_calls.charged()).record["deployment"] == f"{serving}/model-at-{serving}"


async def test_a_host_with_a_certificate_of_another_name_receives_nothing(
    tls_calls: Metering, upstreams: Upstreams
) -> None:
    """Seen to fail without the check of the name."""
    reply = await tls_calls.call(chat(model="misnamed"))
    assert reply.status == 200, reply.text
    assert not upstreams.alpha.requests
    [request] = upstreams.beta.requests
    assert request.header("host") == HOSTS["beta"]
    assert (await tls_calls.charged()).record["failed_attempts"] == ["gamma/model-at-gamma=broken"]
