"""A real identity provider, and what signing in needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from megarouter_admin.command_line.sign_in.provider import Provider, discover
from megarouter_admin.command_line.sign_in.records import Application
from megarouter_admin.command_line.sign_in.store import SignInStore

from tests.support.servers.identity_provider import AUDIENCE, IdentityProvider, running_identity_provider


@pytest.fixture
def identity_provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as running:
        yield running


@pytest.fixture
def application(identity_provider: IdentityProvider) -> Application:
    return Application(identity_provider.address, AUDIENCE)


@pytest.fixture
def provider(identity_provider: IdentityProvider) -> Provider:
    return discover(identity_provider.address)


@pytest.fixture
def store(tmp_path: Path) -> SignInStore:
    return SignInStore(tmp_path / "megarouter", "https://admin.example:8443", lambda: None)
