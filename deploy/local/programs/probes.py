"""Probes processes. A probe without an answer within one second counts as failed."""

import http.client
import socket
import ssl
import struct
from pathlib import Path

from megarouter_envoy.settings.variables import HOST

from gateway_core.runtime.unix_sockets.health_call import says_serving
from gateway_core.runtime.unix_sockets.http_client import UnixHTTPConnection

PROBE_TIMEOUT_S = 1.0
_CERTIFICATE_WANTED = ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE")
_CREDENTIALS = struct.Struct("iII")
"""`struct ucred`: pid, user id, group id."""


def is_serving(path: Path, pid: int | None = None) -> bool:
    """Returns whether the gRPC service at this Unix socket reports SERVING.

    Args:
        path: of the socket.
        pid: of the process that must listen there; None if any may.
    """
    return (pid is None or listener_of(path) == pid) and path.exists() and says_serving(path, PROBE_TIMEOUT_S)


def listener_of(path: Path) -> int | None:
    """Returns the pid of the process that began to listen at a Unix socket, or None if none does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PROBE_TIMEOUT_S)
        try:
            connection.connect(str(path))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    pid, _, _ = _CREDENTIALS.unpack(credentials)
    return int(pid)


def http_request(port: int, path: str, method: str = "GET", timeout_s: float = PROBE_TIMEOUT_S) -> tuple[int, str]:
    """Sends a request to 127.0.0.1 and returns status and body. The status is 0 if there is no answer."""
    return _exchange(http.client.HTTPConnection(HOST, port, timeout=timeout_s), path, method)


def _exchange(connection: http.client.HTTPConnection, target: str, method: str) -> tuple[int, str]:
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def admin_request(path: Path, target: str, method: str = "GET") -> tuple[int, str]:
    """Sends a request to Envoy's admin page at a Unix socket, and returns status and body. The status is 0 without an answer."""
    return _exchange(UnixHTTPConnection(path, PROBE_TIMEOUT_S), target, method)


def answers(host: str, port: int, path: str, *, tls: bool) -> bool:
    """Returns whether the HTTP server at this address answers, with any status, or refuses a caller without a certificate."""
    if not tls:
        return _exchange(http.client.HTTPConnection(host, port, timeout=PROBE_TIMEOUT_S), path, "GET")[0] != 0
    connection = http.client.HTTPSConnection(host, port, timeout=PROBE_TIMEOUT_S, context=_any_certificate())
    try:
        connection.request("GET", path)
        connection.getresponse()
    except ssl.SSLError as error:
        return error.reason in _CERTIFICATE_WANTED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _any_certificate() -> ssl.SSLContext:
    """Returns a context for a probe, which sends no secret and believes nothing that it reads."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def answers_ok(port: int, path: str) -> bool:
    """Returns whether the HTTP server at this port of 127.0.0.1 answers with status 200."""
    return http_request(port, path)[0] == http.client.OK
