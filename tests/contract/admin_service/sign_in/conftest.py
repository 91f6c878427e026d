"""A service with two identity providers that may vouch for example.org, and calls of people who signed in there."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import EDGE_SECRET, Client, running_service

ISSUER = "https://id.example"
PARTNERS = "https://partners.example"
PROVIDERS = {
    "identity_providers": [
        {"issuer": ISSUER, "email_domains": ["example.org"], "organizations": ["acme"]},
        {"issuer": PARTNERS, "email_domains": ["example.org"]},
    ]
}


def signed_in(subject: str, email: str = "", issuer: str = ISSUER, **claims: object) -> dict[str, Any]:
    """Returns the options of a call with a token that Envoy verified."""
    address = {"email": email, "email_verified": True} if email else {}
    content = json.dumps({"iss": issuer, "sub": subject, **address, **claims}).encode()
    payload = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return {
        "metadata": [
            ("authorization", f"Bearer header.{payload}.signature"),
            ("x-megarouter-identity", payload),
            ("x-megarouter-edge-secret", EDGE_SECRET),
            ("x-megarouter-client-address", "192.0.2.7"),
        ]
    }


@pytest.fixture
def provider_settings(settings: AdminSettings, tmp_path: Path) -> AdminSettings:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps(PROVIDERS), encoding="utf-8")
    return settings.model_copy(update={"identity_providers_file": file})


@pytest.fixture
async def client(provider_settings: AdminSettings, people: None) -> AsyncIterator[Client]:
    async with running_service(provider_settings) as (_, calling):
        yield calling
