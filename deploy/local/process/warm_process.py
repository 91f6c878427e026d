"""A process that loads the modules the services share, then forks into each service.

`python -m deploy.local.process.warm_process MODULE...`

Loading modules takes most of a service's start, and the services load nearly the same ones. Before a fork, this process
starts no thread, no event loop and no gRPC core, so a fork inherits none of them in a broken state.

Standard input is a packet socket. A request is a JSON object accompanied by the descriptor of a log. The answer is the pid of
the new process. When a forked process ends, this process reports it. Secrets travel in the request, never on a command
line. This process ends when the other side closes the socket, and the kernel then stops its forks.
"""

import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.local.process.launch import become, end_with, leave_no_core_dump

PACKET_MAX_BYTES: Final = 128 * 1024
_LOG_DESCRIPTORS: Final = (1, 2)
_FIRST_OTHER_DESCRIPTOR: Final = 3


@dataclass(frozen=True)
class _Forked:
    """The request that a fork carries out."""

    module: str
    environment: dict[str, str]
    directory: str
    account: tuple[int, int, bool] | None
    parent: int


def main() -> None:
    """Loads the modules that the arguments name, reports that, and forks on request until the other side closes."""
    gc.disable()  # loaded modules never become garbage
    for module in sys.argv[1:]:
        importlib.import_module(f"{module}.__main__")
    gc.freeze()
    gc.enable()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        sys.exit(
            "a module started a thread when it was loaded, so forking is not safe: start the thread in its main() instead"
        )
    forked = _serve(socket.socket(fileno=os.dup(0)))
    if forked is not None:
        _become(forked)


def _serve(requests: socket.socket) -> _Forked | None:
    """Returns the request in each fork, and None in this process at the end."""
    requests.send(b"{}")
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    _report_end(requests, selector, key)
                    continue
                packet, descriptors, _, _ = socket.recv_fds(requests, PACKET_MAX_BYTES, 1)
                if not packet:
                    return None
                request = json.loads(packet)
                parent = os.getpid()
                process = os.fork()
                if process == 0:
                    for descriptor in _LOG_DESCRIPTORS:
                        os.dup2(descriptors[0], descriptor)
                    return _Forked(**request, parent=parent)
                os.close(descriptors[0])
                selector.register(os.pidfd_open(process), selectors.EVENT_READ, process)
                requests.send(json.dumps({"started": process}).encode())


def _report_end(requests: socket.socket, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    selector.unregister(key.fileobj)
    os.close(key.fd)
    _, status = os.waitpid(key.data, 0)
    requests.send(json.dumps({"ended": key.data, "status": os.waitstatus_to_exitcode(status)}).encode())


def _become(forked: _Forked) -> None:
    """Runs the module's `main` as if this process had been started only for it."""
    os.setsid()
    leave_no_core_dump()
    if forked.account is not None:
        user_id, group_id, reads_all = forked.account
        become(user_id, group_id, reads_all=reads_all)
    end_with(forked.parent, signal.SIGTERM)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(_FIRST_OTHER_DESCRIPTOR, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(forked.environment)
    os.chdir(forked.directory)
    _rename(forked.module)
    main_module: Any = importlib.import_module(f"{forked.module}.__main__")
    sys.argv = [str(main_module.__file__)]
    main_module.main()


def _rename(module: str) -> None:
    """Makes process lists show the command line of the module. A name longer than the present one does not fit."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end in proc(5), counted after the name
    shown = b"\0".join(os.fsencode(word) for word in (sys.executable, "-m", module)) + b"\0"
    if start and len(shown) < end - start:
        ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    main()
