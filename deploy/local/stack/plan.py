"""Everything the processes of a stack are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.local.stack.admin_edge import AdminEdge
from deploy.local.stack.environment import Backends
from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.providers import Route
from deploy.local.stack.secrets import StackSecrets
from deploy.local.stack.specification import StackSpecification


@dataclass(frozen=True, repr=False)
class StackPlan:
    """A specification with all that follows from it and from the environment."""

    specification: StackSpecification
    secrets: StackSecrets
    backends: Backends
    routes: Sequence[Route]
    environment: Mapping[str, str]  # what every process inherits
    admin_edge: AdminEdge = field(default_factory=AdminEdge)

    @property
    def home(self) -> Home:
        """Where the stack keeps its files."""
        return self.specification.home

    @property
    def ports(self) -> Ports:
        """Where it listens."""
        return self.specification.ports
