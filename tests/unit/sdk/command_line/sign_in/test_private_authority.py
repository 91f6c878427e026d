"""`megarouter login` asks an address for its identity providers, also one whose certificate is of a private authority."""

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from megarouter_admin.channels import CA_FILE
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.announced import Announced, announced

from tests.support.servers.certificates import Authority


class Announcing(BaseHTTPRequestHandler):
    """Announces one identity provider."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"identity_providers": [{"issuer": "https://id.example", "cli_client_id": "cli"}]}')


@pytest.fixture
def private(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the file of the authority that issued its certificate."""
    authority = Authority("private", tmp_path)
    pair = authority.issue("localhost", tmp_path / "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with HTTPServer(("127.0.0.1", 0), Announcing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}", authority.file
        server.shutdown()


def test_its_file_of_authorities_is_trusted(private: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, file = private
    monkeypatch.setenv(CA_FILE, str(file))
    assert announced(address) == (Announced("https://id.example", "cli"),)


def test_without_the_file_the_address_is_not_trusted(
    private: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CA_FILE, raising=False)
    with pytest.raises(CommandError, match="CERTIFICATE_VERIFY_FAILED"):
        announced(private[0])


def test_a_file_that_does_not_exist_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CA_FILE, "/nowhere/ca.pem")
    with pytest.raises(CommandError, match="the admin API"):
        announced("https://localhost:1")
