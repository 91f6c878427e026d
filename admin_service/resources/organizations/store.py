"""The rows of organizations."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from gateway_core.stores.postgres.connections import Connection

PURGE_AFTER: Final = dt.timedelta(days=30)

_COLUMNS: Final = """
organization_id, display_name, kind, state, time_zone, input_estimate, budget_mode, expired_hold_policy, billing_email, create_time,
update_time, delete_time, purge_time, coalesce(purge_time <= now(), false), is_blocked, key_max_life,
key_requires_whitelist, key_requires_budget
"""
_GET: Final = f"SELECT {_COLUMNS} FROM organizations WHERE organization_id = $1"  # noqa: S608
_ADD: Final = f"""
INSERT INTO organizations (organization_id, kind, display_name, time_zone, input_estimate, budget_mode, expired_hold_policy,
                           billing_email, key_max_life, key_requires_whitelist, key_requires_budget)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608
_CHOOSE: Final = "UPDATE users SET current_organization_id = $2 WHERE user_id = $1"
_ADD_SUPER_ADMIN: Final = """
INSERT INTO members (organization_id, member_id, user_id, role) VALUES ($1, $2, $3, 'SUPER_ADMIN')
"""
_UPDATE: Final = f"""
UPDATE organizations SET display_name = $2, time_zone = $3, input_estimate = $4, budget_mode = $5, expired_hold_policy = $6,
       billing_email = $7, key_max_life = $8, key_requires_whitelist = $9, key_requires_budget = $10,
       update_time = clock_timestamp()
 WHERE organization_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608

SUSPEND: Final = "state = 'SUSPENDED', suspend_time = now()"
RESUME: Final = "state = 'ACTIVE', suspend_time = NULL"
DELETE: Final = f"state = 'DELETED', delete_time = now(), purge_time = now() + interval '{PURGE_AFTER.days} days'"
# An organization that was suspended before its deletion is suspended again.
UNDELETE: Final = """
state = CASE WHEN suspend_time IS NULL THEN 'ACTIVE' ELSE 'SUSPENDED' END, delete_time = NULL, purge_time = NULL
"""


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """The settings that a Super Admin chooses."""

    display_name: str
    time_zone: str = "UTC"
    input_estimate: str = "BALANCED"
    budget_mode: str = "STRICT"
    expired_hold_policy: str = "CHARGE_HOLD"
    billing_email: str | None = None
    key_max_life: dt.timedelta | None = None
    key_requires_whitelist: bool = False
    key_requires_budget: bool = False

    @property
    def values(self) -> tuple[object, ...]:
        """The settings in the order of the columns."""
        return (
            self.display_name,
            self.time_zone,
            self.input_estimate,
            self.budget_mode,
            self.expired_hold_policy,
            self.billing_email,
            self.key_max_life,
            self.key_requires_whitelist,
            self.key_requires_budget,
        )


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """A stored organization."""

    organization: str
    display_name: str
    kind: str
    state: str
    time_zone: str
    input_estimate: str
    budget_mode: str
    expired_hold_policy: str
    billing_email: str | None
    create_time: dt.datetime
    update_time: dt.datetime
    delete_time: dt.datetime | None
    purge_time: dt.datetime | None
    is_purged: bool
    """Whether the time to undo a deletion is over, by the database's clock."""
    is_blocked: bool
    """Whether an operator suspended it."""
    key_max_life: dt.timedelta | None
    key_requires_whitelist: bool
    key_requires_budget: bool

    @property
    def settings(self) -> OrganizationSettings:
        """The chosen settings."""
        return OrganizationSettings(
            self.display_name,
            self.time_zone,
            self.input_estimate,
            self.budget_mode,
            self.expired_hold_policy,
            self.billing_email,
            self.key_max_life,
            self.key_requires_whitelist,
            self.key_requires_budget,
        )

    @property
    def etag(self) -> str:
        """Changes with every change of the row."""
        return etag_of(self.organization, self.state, self.settings.values, self.update_time)


async def get_organization(connection: Connection, organization: str) -> OrganizationRow | None:
    """Returns the organization, deleted or not, or None. The transaction must act for it."""
    row = await connection.fetchrow(_GET, organization)
    return OrganizationRow(*row) if row else None


async def add_organization(
    connection: Connection, organization: str, settings: OrganizationSettings, *, kind: str = "ORGANIZATION"
) -> OrganizationRow | None:
    """Stores an organization, and a trigger creates its ledger. Returns None if the id is taken.

    The transaction must act for the id.
    """
    row = await connection.fetchrow(_ADD, organization, kind, *settings.values)
    return OrganizationRow(*row) if row else None


async def add_super_admin(connection: Connection, organization: str, member: str, user: str) -> None:
    """Makes a user the first member of an organization."""
    await connection.execute(_ADD_SUPER_ADMIN, organization, member, user)


async def choose_account(connection: Connection, user: str, organization: str) -> None:
    """Makes an organization the user's current account."""
    await connection.execute(_CHOOSE, user, organization)


async def update_organization(
    connection: Connection, organization: str, settings: OrganizationSettings
) -> OrganizationRow:
    """Changes the settings. If the time zone changes, a trigger carries the spend over into the new cycles.

    Raises:
        LookupError: the organization does not exist.
    """
    return _row(await connection.fetchrow(_UPDATE, organization, *settings.values))


async def change_state(connection: Connection, organization: str, transition: str) -> OrganizationRow:
    """Makes a transition: `SUSPEND`, `RESUME`, `DELETE` or `UNDELETE`. A trigger notifies the data plane.

    Raises:
        LookupError: the organization does not exist.
    """
    statement = f"""
    UPDATE organizations SET {transition}, update_time = clock_timestamp() WHERE organization_id = $1 RETURNING {_COLUMNS}
    """  # noqa: S608 - one of the transitions above
    return _row(await connection.fetchrow(statement, organization))


def _row(found: object) -> OrganizationRow:
    if found is None:
        raise LookupError("no such organization")
    return OrganizationRow(*found)  # type: ignore[misc] # a record
