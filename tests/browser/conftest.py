"""Builds what the tests of the console need, and starts a stack with a month of calls, an identity provider, and a key that signs
reports."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from megarouter_envoy.settings.variables import IDENTITY_PROVIDERS_FILE

from admin_service.analytics.signatures.keys import CERTIFICATE_FILE, KEY_FILE
from deploy.local.cli.demo_data import load_demo_data
from deploy.local.supervision.embedded_stack import Stack
from tests.support.ports import free_port_base
from tests.support.servers.identity_provider import ISSUER, IdentityProvider, running_identity_provider
from tests.support.servers.tls_proxy import TlsProxy, running_tls_proxy
from tests.support.signing_files import new_key, signing_files_in
from tools.console.building import prepare


@pytest.fixture(scope="package", autouse=True)
def _packages() -> None:
    prepare()


@pytest.fixture(scope="package")
def identity_provider() -> Iterator[IdentityProvider]:
    """Signs everybody in as Emma, whom the demo organization knows by her address."""
    with running_identity_provider() as running:
        running.sign_in.person = {"sub": "emma-at-staff", "email": "emma@acme.example", "email_verified": True}
        yield running


@pytest.fixture(scope="package")
def sign_in_proxy(identity_provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    """The way to the identity provider's pages at its issuer, which is https."""
    parts = urlsplit(identity_provider.address)
    name = urlsplit(ISSUER).hostname or ""
    with running_tls_proxy(name, (parts.hostname or "", parts.port or 0), tmp_path_factory.mktemp("proxy")) as running:
        yield running


RETURN = """
INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates, baseline_model)
     VALUES ('acme', 'returned', 'assistant', 'organization', '', ARRAY['gpt-4o', 'gpt-4o-mini'], 'gpt-4o');
INSERT INTO routing_returns (organization_id, return_id, virtual_model_id, use_case, measure, routed_count, routed_bad,
                             held_out_count, held_out_bad, loss_basis_points, low_basis_points, allowed_basis_points)
     VALUES ('acme', 'rr-1', 'returned', 'summaries', 'troubled', 1000, 400, 200, 20, 2970, 2064, 100)
"""


async def add_return(database_url: str) -> None:
    """Adds a virtual model with a use case that went back to the baseline, which takes hundreds of conversations otherwise."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(RETURN)
    await connection.close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, identity_provider: IdentityProvider) -> Iterator[Stack]:
    providers = tmp_path_factory.mktemp("identity") / "providers.yaml"
    providers.write_text(identity_provider.settings(), encoding="utf-8")
    keys = signing_files_in(tmp_path_factory.mktemp("keys"), new_key("RSA"))
    settings = {
        IDENTITY_PROVIDERS_FILE: str(providers),
        KEY_FILE: str(keys.key),
        CERTIFICATE_FILE: str(keys.certificates),
    }
    with Stack(tmp_path_factory.mktemp("stack"), free_port_base(), settings=settings) as running:
        load_demo_data(running.home, year=False)
        asyncio.run(add_return(running.environment["MEGAROUTER_DATABASE_URL"]))
        yield running
