"""A forward proxy at which every https address is one server: programs reach a name such as id.example that exists nowhere.

It ends TLS with a certificate of its own for that name, and passes the bytes on.
"""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class TlsProxy:
    """A running proxy."""

    address: str
    certificate: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a program uses the proxy and trusts it."""
        return {"HTTPS_PROXY": self.address, "SSL_CERT_FILE": str(self.certificate)}


@contextmanager
def running_tls_proxy(name: str, target: tuple[str, int], folder: Path) -> Iterator[TlsProxy]:
    """Runs a proxy that answers for the host `name` and passes what it gets to `target`."""
    certificate, key = _write_certificate(name, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, target), daemon=True)
        thread.start()
        yield TlsProxy(f"http://127.0.0.1:{listener.getsockname()[1]}", certificate)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(_TIMEOUT_S)


def _accept(listener: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, context, target), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with suppress(OSError), connection:
        connection.settimeout(_TIMEOUT_S)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(1)
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as inside, socket.create_connection(target) as server:
            back = threading.Thread(target=_copy, args=(server, inside), daemon=True)
            back.start()
            _copy(inside, server)
            back.join(_TIMEOUT_S)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _write_certificate(name: str, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return files
