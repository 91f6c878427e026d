"""TLS on both public listeners, with client certificates, and towards providers whose certificates are good or bad."""

import asyncio
import datetime as dt
import http.client
import json
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from megarouter_envoy.settings.variables import TLS_CERTIFICATE_FILE, TLS_CLIENT_CA_FILE, TLS_KEY_FILE

from deploy.local.cli.warnings import stack_warnings
from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack
from tests.support.ports import free_port_base
from tests.support.servers.certificates import Authority, Pair
from tests.support.servers.tls_server import running_tls_server

CREDENTIALS = {
    "OPENAI_API_KEY": "sk-good",
    "DEEPSEEK_API_KEY": "sk-other-authority",
    "MISTRAL_API_KEY": "sk-other-name",
}
GOOD, OTHER_AUTHORITY, OTHER_NAME = "gpt-4o-mini", "deepseek-flash", "mistral-large-4"
RELOADED_WITHIN_S = 30.0


@dataclass
class Gateway:
    """A gateway with TLS on both listeners."""

    stack: Stack
    trusted: Authority
    served: Pair
    client: Pair

    def context(self, *, with_certificate: bool = True) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.trusted.file))
        if with_certificate:
            context.load_cert_chain(self.client.certificate, self.client.key)
        return context

    def request(
        self, port: int, path: str, body: object = None, *, with_certificate: bool = True
    ) -> tuple[int, dict[str, object]]:
        """Sends a call with the demo key, and returns the status and the JSON of the answer."""
        context = self.context(with_certificate=with_certificate)
        connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
        headers = {
            "authorization": f"Bearer {self.stack.environment['MEGAROUTER_API_KEY']}",
            "content-type": "application/json",
        }
        try:
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def chat(self, model: str) -> tuple[int, dict[str, object]]:
        body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "Hello."}]}
        return self.request(self.stack.ports.model, "/v1/chat/completions", body)

    def served_until(self) -> str:
        """Returns when the certificate ends that the model listener serves now."""
        address = ("localhost", self.stack.ports.model)
        with (
            socket.create_connection(address) as plain,
            self.context().wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            certificate = connection.getpeercert()
        assert certificate is not None
        return str(certificate["notAfter"])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("certificates")
    trusted, unknown = Authority("trusted", folder), Authority("unknown", folder)
    served, client = trusted.issue("localhost", folder / "served"), trusted.issue("client", folder / "client")
    base = free_port_base()
    providers = {
        "https://api.openai.com": trusted.issue("localhost", folder / "good"),
        "https://api.deepseek.com": unknown.issue("localhost", folder / "other-authority"),
        "https://api.mistral.ai": trusted.issue("other.example", folder / "other-name"),
    }
    text = DEFAULT_CATALOG.read_text(encoding="utf-8")
    with ExitStack() as running:
        for url, pair in providers.items():
            text = text.replace(url, f"https://localhost:{running.enter_context(running_tls_server(pair, base + 5))}")
        catalog = folder / "catalog.yaml"
        catalog.write_text(text, encoding="utf-8")
        settings = {
            **CREDENTIALS,
            "SSL_CERT_FILE": str(trusted.file),
            TLS_CERTIFICATE_FILE: str(served.certificate),
            TLS_KEY_FILE: str(served.key),
            TLS_CLIENT_CA_FILE: str(trusted.file),
        }
        stack = running.enter_context(Stack(tmp_path_factory.mktemp("tls"), base, catalog=catalog, settings=settings))
        yield Gateway(stack, trusted, served, client)


def test_a_call_passes_over_tls_to_a_provider_with_a_good_certificate(gateway: Gateway) -> None:
    status, answer = gateway.chat(GOOD)
    assert status == 200
    assert answer["usage"]


@pytest.mark.parametrize("model", [OTHER_AUTHORITY, OTHER_NAME])
def test_a_provider_with_a_certificate_of_an_unknown_authority_or_another_name_is_not_called(
    gateway: Gateway, model: str
) -> None:
    """Seen to fail without `trusted_ca` and the check of the name: both calls were served."""
    status, answer = gateway.chat(model)
    assert (status, answer["error"]["code"]) == (503, "provider_unavailable")  # type: ignore[index]


def test_both_listeners_offer_http2(gateway: Gateway) -> None:
    for port in (gateway.stack.ports.model, gateway.stack.ports.admin):
        context = gateway.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("localhost", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("listener", ["model", "admin"])
def test_a_caller_without_a_certificate_is_refused(gateway: Gateway, listener: str) -> None:
    """Seen to fail without `require_client_certificate`."""
    port = getattr(gateway.stack.ports, listener)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        gateway.request(port, "/health", with_certificate=False)


def test_plain_http_is_not_served(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection("localhost", gateway.stack.ports.model, timeout=5)
    connection.request("GET", "/health")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse()


async def test_a_renewed_certificate_is_served_without_a_restart(gateway: Gateway, tmp_path: Path) -> None:
    """In place, as most tools write it. A broken one is not served. Seen to fail without the watched directory."""
    renewed = gateway.trusted.issue("localhost", tmp_path / "renewed", dt.timedelta(days=5))
    process_id = gateway.stack.identity("envoy").pid
    before = gateway.served_until()
    gateway.served.certificate.write_text("broken", encoding="utf-8")
    await asyncio.sleep(0.3)
    assert gateway.served_until() == before
    shutil.copy(renewed.key, gateway.served.key)
    shutil.copy(renewed.certificate, gateway.served.certificate)
    async with asyncio.timeout(RELOADED_WITHIN_S):
        while gateway.served_until() == before:
            await asyncio.sleep(0.05)
    assert gateway.chat(GOOD)[0] == 200
    assert gateway.stack.identity("envoy").pid == process_id
    warnings = await asyncio.to_thread(stack_warnings, gateway.stack.ports, time.time())
    assert any("a renewed certificate could not be read" in one for one in warnings), warnings
    assert any("the server-certificate of the public listeners ends in 4 days" in warning for warning in warnings), (
        warnings
    )
