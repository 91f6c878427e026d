"""Checks that all ports are free before anything starts, for a clear error message."""

import errno
import socket
from collections.abc import Iterable

from megarouter_envoy.settings.variables import HOST

from deploy.local.programs.program import Program
from deploy.local.stack.layout import LayoutError


def require_free_ports(programs: Iterable[Program]) -> None:
    """Checks every port that the programs will bind.

    Raises:
        LayoutError: a port is in use. The message names it.
    """
    for program in programs:
        for port in program.ports:
            if not _is_free(port):
                raise LayoutError(
                    f"port {port} (for {program.name}) is in use by another program: "
                    "stop that program, or choose other ports with --port-base N"
                )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
