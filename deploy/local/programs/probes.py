"""Probes processes. A probe without an answer within one second counts as failed."""

import http.client
from pathlib import Path

from deploy.local.programs.health_call import says_serving
from deploy.local.stack.layout import HOST

PROBE_TIMEOUT_S = 1.0


def is_serving(socket: Path) -> bool:
    """Returns whether the gRPC service at this Unix socket reports SERVING."""
    return socket.exists() and says_serving(socket, PROBE_TIMEOUT_S)


def http_request(port: int, path: str, method: str = "GET", timeout_s: float = PROBE_TIMEOUT_S) -> tuple[int, str]:
    """Sends a request to 127.0.0.1 and returns status and body. The status is 0 if there is no answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def answers_ok(port: int, path: str) -> bool:
    """Returns whether the HTTP server at this port of 127.0.0.1 answers with status 200."""
    return http_request(port, path)[0] == http.client.OK
