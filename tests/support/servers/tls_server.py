"""A server that ends TLS with a given certificate and passes the bytes on to a server that speaks plain HTTP."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.support.servers.certificates import Pair

_TIMEOUT_S = 30.0


@contextmanager
def running_tls_server(pair: Pair, target_port: int, protocols: Sequence[str] = ("http/1.1",)) -> Iterator[int]:
    """Runs the server in front of a port of this machine, and yields its own port.

    Args:
        pair: what it shows to its callers.
        target_port: the port of a server that speaks each of the protocols.
        protocols: what it offers by ALPN, the best first.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_alpn_protocols(list(protocols))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, target_port), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(_TIMEOUT_S)


def _accept(listener: socket.socket, context: ssl.SSLContext, target_port: int) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, context, target_port), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, target_port: int) -> None:
    with suppress(OSError), connection:
        connection.settimeout(_TIMEOUT_S)
        with (
            context.wrap_socket(connection, server_side=True) as inside,
            socket.create_connection(("127.0.0.1", target_port)) as server,
        ):
            back = threading.Thread(target=_copy, args=(server, inside), daemon=True)
            back.start()
            _copy(inside, server)
            back.join(_TIMEOUT_S)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
