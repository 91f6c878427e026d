"""Asking processes how they are. Each question is answered within a second or counts as no."""

import http.client
from pathlib import Path

from deploy.local.programs.health_call import says_serving
from deploy.local.stack.layout import HOST

PROBE_TIMEOUT_S = 1.0


def is_serving(socket: Path) -> bool:
    """Whether a gRPC service says it can do its work."""
    return socket.exists() and says_serving(socket, PROBE_TIMEOUT_S)


def http_request(port: int, path: str, method: str = "GET", timeout_s: float = PROBE_TIMEOUT_S) -> tuple[int, str]:
    """Status and body of an answer from this machine; status 0 when there is none."""
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
    """Whether an HTTP server answers with status 200."""
    return http_request(port, path)[0] == http.client.OK
