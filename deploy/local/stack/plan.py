"""Everything needed to start the processes of a stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from megarouter_envoy.options import FrontProxies
from megarouter_envoy.settings.admin_edge import AdminEdge
from megarouter_envoy.settings.providers import Route
from megarouter_envoy.settings.public_listeners import PublicListeners

from deploy.local.stack.environment import Backends
from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.secrets import StackSecrets
from deploy.local.stack.specification import StackSpecification


@dataclass(frozen=True, repr=False)
class StackPlan:
    """A specification, and what follows from it and from the environment."""

    specification: StackSpecification
    secrets: StackSecrets
    backends: Backends
    routes: Sequence[Route]
    environment: Mapping[str, str]  # of every process
    admin_edge: AdminEdge = field(default_factory=AdminEdge)
    listeners: PublicListeners = field(default_factory=PublicListeners)
    aws_environment: Mapping[str, str] = field(default_factory=dict)  # of Envoy, if it looks for an access key there
    model_origins: tuple[str, ...] = ()  # of browsers that may call models
    fallbacks: tuple[tuple[str, ...], ...] = ()  # orders in which the targets of one call may be tried
    front_proxies: FrontProxies = field(default_factory=FrontProxies)

    @property
    def home(self) -> Home:
        """The directory of the stack."""
        return self.specification.home

    @property
    def ports(self) -> Ports:
        """The ports of the stack."""
        return self.specification.ports
