"""`./dev restart`: restarts processes of a running stack, one after the other, without refusing a call."""

from collections.abc import Sequence

from deploy.local.stack.layout import SERVICES
from deploy.local.stack.state import StackState


class UnknownProcessError(Exception):
    """The stack has no such process. The message lists those it has."""


def processes_to_restart(state: StackState, named: Sequence[str]) -> list[str]:
    """Returns the processes to restart in order: the named ones, or Envoy and all services.

    Databases and the mock provider restart only by name, because calls that need them fail meanwhile.

    Raises:
        UnknownProcessError: a name is unknown.
    """
    own = [process.name for process in state.processes if process.identity is not None]
    for name in named:
        if name not in own:
            raise UnknownProcessError(f"there is no process {name}. Choose from: {', '.join(own)}")
    if named:
        return list(dict.fromkeys(named))
    services = tuple(f"{service}_service" for service in SERVICES)
    return [*(name for name in own if name.startswith(services)), "envoy"]
