"""What an organization requires of its keys. It binds everyone, and a key that exists already only when a limit changes."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from gateway_core.stores.postgres.connections import Connection

_GET: Final = """
SELECT key_max_life, key_requires_whitelist, key_requires_budget FROM organizations WHERE organization_id = $1
"""


@dataclass(frozen=True, slots=True)
class KeyRequirements:
    """The limits that each key must have."""

    max_life: dt.timedelta | None = None
    """How long after its creation a key expires at the latest; None if it need not expire."""
    whitelist: bool = False
    budget: bool = False

    def check_expiry(self, expire_time: dt.datetime | None, create_time: dt.datetime) -> None:
        """Checks the expiry of a key.

        Raises:
            AdminError: KEY_REQUIREMENT_UNMET.
        """
        if self.max_life is None:
            return
        latest = (create_time + self.max_life).astimezone(dt.UTC)
        if expire_time is None or expire_time > latest:
            until = latest.isoformat(timespec="seconds").replace("+00:00", "Z")
            raise _unmet("expire_time", f"expire no later than {until}")

    def check_guardrail(self, named: Collection[str], *, whitelist: bool, budget: bool, enforced: bool) -> None:
        """Checks the limits that a change names.

        Args:
            named: of `model_whitelist`, `budget` and `mode`.
            whitelist: whether the key has a whitelist then.
            budget: whether its guardrail has a budget then.
            enforced: whether its guardrail is not in shadow mode then.

        Raises:
            AdminError: KEY_REQUIREMENT_UNMET.
        """
        if self.whitelist and "model_whitelist" in named and not whitelist:
            raise _unmet("model_whitelist", "have a model whitelist")
        if self.budget and "budget" in named and not budget:
            raise _unmet("budget_nano_credits", "have a budget")
        if (self.whitelist or self.budget) and "mode" in named and not enforced:
            raise _unmet("mode", "enforce their guardrail")


async def key_requirements(connection: Connection, organization: str) -> KeyRequirements:
    """Returns what the organization requires."""
    row = await connection.fetchrow(_GET, organization)
    return KeyRequirements(*row) if row else KeyRequirements()


def _unmet(limit: str, demand: str) -> AdminError:
    message = f"The organization requires that API keys {demand}."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.KEY_REQUIREMENT_UNMET, message, {"limit": limit})
