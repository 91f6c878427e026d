"""What the rotation of the journal asks Envoy, on its admin page."""

import http.client
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway_core.runtime.unix_sockets.http_client import UnixHTTPConnection

_UNIX: Final = "unix:"
_TIMEOUT_S: Final = 1.0
_PREDECESSOR: Final = re.compile(r"^server\.parent_connections: ([0-9]+)$", re.MULTILINE)


class EnvoyAdmin:
    """Envoy's admin page. Its methods block, and raise `OSError` or `http.client.HTTPException` on failure."""

    def __init__(self, url: str) -> None:
        """Creates a client.

        Args:
            url: `unix:/path.sock` or `http://host:port`.
        """
        self._url = url

    def reopen_logs(self) -> None:
        """Asks Envoy to open its logs again by name."""
        self._ask("POST", "/reopen_logs")

    def has_predecessor(self) -> bool:
        """Returns whether an Envoy that this one replaced still has connections. It writes to the same journal."""
        found = _PREDECESSOR.search(self._ask("GET", "/stats?filter=^server\\.parent_connections$"))
        return found is not None and found[1] != "0"

    def _ask(self, method: str, path: str) -> str:
        connection = self._connection()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"Envoy answered {response.status} to {path}")
        return text

    def _connection(self) -> http.client.HTTPConnection:
        if self._url.startswith(_UNIX):
            return UnixHTTPConnection(Path(self._url.removeprefix(_UNIX)), _TIMEOUT_S)
        return http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=_TIMEOUT_S)
