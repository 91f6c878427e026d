"""The limits that a new key begins with: those that its request names, and the default of its place for the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from megarouter.admin.v1 import api_key_pb2

from admin_service.resources.api_keys.bound_errors import bounded
from admin_service.resources.api_keys.bounds import GUARDRAIL_LIMITS, Bounds, Limits, Setter
from admin_service.resources.api_keys.messages import created_limits
from admin_service.resources.default_limits.store import defaults_for
from admin_service.serving.change_transaction import Change
from gateway_core.model.organization.scopes import ScopeKind


@dataclass(frozen=True, slots=True)
class NewLimits:
    """The limits of a new key."""

    values: Limits
    bounds: Bounds
    origins: Mapping[str, str]
    """The places of those that were set by default."""

    @property
    def has_guardrail(self) -> bool:
        """Whether its guardrail limits anything."""
        return any(self.values.get(limit) is not None for limit in GUARDRAIL_LIMITS)


async def limits_to_begin_with(change: Change, setter: Setter, request: api_key_pb2.CreateApiKeyRequest) -> NewLimits:
    """Returns the limits that the request names, and those of the default for the rest. A default binds like a limit that was set
    from above.

    Raises:
        AdminError: LIMIT_SET_ABOVE, the request names a wider limit than a default that the caller may not lift.
    """
    organization = change.caller.resource.organization
    defaults = await defaults_for(change.connection, organization, ScopeKind.API_KEY, setter.owner_path)
    asked = created_limits(request)
    named = [limit for limit, value in asked.items() if value is not None]
    of_default = {limit: one for limit, one in defaults.items() if limit not in named}
    values = {**asked, **{limit: one.value for limit, one in of_default.items()}}
    begun: Bounds = {limit: {one.place: one.value} for limit, one in defaults.items()}
    return NewLimits(
        values, bounded(begun, setter, named, values), {limit: one.place for limit, one in of_default.items()}
    )
