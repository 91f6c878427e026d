"""Turns a limit that was set above the caller into an error, and names the place that set it."""

from collections.abc import Collection
from typing import Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from admin_service.api.names import GROUPS, ResourceName
from admin_service.resources.api_keys.bounds import (
    ORGANIZATION,
    BoundError,
    Bounds,
    Limits,
    Setter,
    changed_bounds,
    require_enforced,
)
from admin_service.resources.api_keys.temporary_bounds import with_temporary_bound
from gateway_core.model.limits.temporary_limits import TemporaryLimit

_TITLES: Final = {
    "expire_time": "expiry",
    "ip_allow_list": "address list",
    "model_whitelist": "model whitelist",
    "budget": "budget",
    "requests_per_minute": "limit of requests per minute",
    "tokens_per_minute": "limit of tokens per minute",
    "concurrency_limit": "limit of concurrent calls",
    "rate_limits": "list of rate limits",
    "model_budgets": "list of budgets for some models",
    "temporary_limit": "temporary limit",
}


def place_name(organization: str, place: str) -> ResourceName:
    """Returns the name of the organization or the group that a place stands for."""
    return ResourceName(organization) if place == ORGANIZATION else ResourceName(organization, GROUPS, place)


def bounded(bounds: Bounds, setter: Setter, fields: Collection[str], limits: Limits) -> Bounds:
    """Returns the bounds after a change, as `changed_bounds` does.

    Raises:
        AdminError: LIMIT_SET_ABOVE.
    """
    try:
        return changed_bounds(bounds, setter, fields, limits)
    except BoundError as refused:
        raise _set_above(setter, refused) from refused


def temporarily_bounded(bounds: Bounds, setter: Setter, limits: Limits, temporary: TemporaryLimit | None) -> Bounds:
    """Returns the bounds after a change of the temporary limit, as `with_temporary_bound` does.

    Raises:
        AdminError: LIMIT_SET_ABOVE.
    """
    try:
        return with_temporary_bound(bounds, setter, limits, temporary)
    except BoundError as refused:
        raise _set_above(setter, refused) from refused


def enforced(bounds: Bounds, setter: Setter, fields: Collection[str]) -> None:
    """Checks that the setter may lift these limits, as `require_enforced` does.

    Raises:
        AdminError: LIMIT_SET_ABOVE.
    """
    try:
        require_enforced(bounds, setter, fields)
    except BoundError as refused:
        raise _set_above(setter, refused) from refused


def _set_above(setter: Setter, refused: BoundError) -> AdminError:
    place = str(place_name(setter.actor.organization, refused.place))
    message = (
        f"The {_TITLES[refused.limit]} of this API key was set by an admin of {place}. You can tighten it; only an admin there or"
        " above can lift or reset it."
    )
    metadata = {"limit": refused.limit, "scope": place}
    return AdminError(grpc.StatusCode.PERMISSION_DENIED, ErrorReason.LIMIT_SET_ABOVE, message, metadata)
