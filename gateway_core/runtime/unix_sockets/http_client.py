"""HTTP over a Unix socket, for Envoy's admin page."""

import http.client
import socket
from pathlib import Path

from typing_extensions import override


class UnixHTTPConnection(http.client.HTTPConnection):
    """A connection to the HTTP server at a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise
