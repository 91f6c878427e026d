"""What routing knows about a caller: the virtual models in reach, and the policy that applies."""

from dataclasses import field
from typing import Final

from gateway_core.model.record_decorator import record
from gateway_core.model.routing.policies import DEFAULT, AppliedPolicy
from gateway_core.model.routing.virtual_models import Owned


@record(frozen=True, slots=True, eq=False)
class CallerRouting:
    """The virtual models of a caller's organization and groups, and what applies to calls to any virtual model."""

    virtual_models: Owned = field(default_factory=dict)
    policy: AppliedPolicy = DEFAULT


NO_ROUTING: Final = CallerRouting()
"""Of an organization that has neither virtual models nor policies of its own."""
