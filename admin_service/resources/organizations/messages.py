"""Converts organizations to messages, and requests to settings."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

from megarouter.admin.v1.organization_pb2 import Organization

from admin_service.api.errors import FieldViolation
from admin_service.api.names import ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.organizations.store import OrganizationRow, OrganizationSettings

_MAX_LIFE_S: Final = 10 * 366 * 24 * 3_600


def organization_message(row: OrganizationRow) -> Organization:
    """Returns the organization as a resource."""
    message = Organization(
        name=str(ResourceName(row.organization)),
        display_name=row.display_name,
        kind=Organization.Kind.Value(f"KIND_{row.kind}"),
        state=Organization.State.Value(f"STATE_{row.state}"),
        time_zone=row.time_zone,
        input_estimate=Organization.InputEstimate.Value(f"INPUT_ESTIMATE_{row.input_estimate}"),
        budget_mode=Organization.BudgetMode.Value(f"BUDGET_MODE_{row.budget_mode}"),
        expired_hold_policy=Organization.ExpiredHoldPolicy.Value(f"EXPIRED_HOLD_POLICY_{row.expired_hold_policy}"),
        billing_email=row.billing_email or "",
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )
    _add_key_requirements(message, row)
    if row.delete_time:
        message.delete_time.CopyFrom(timestamp(row.delete_time))
    if row.purge_time:
        message.purge_time.CopyFrom(timestamp(row.purge_time))
    return message


def _add_key_requirements(message: Organization, row: OrganizationRow) -> None:
    """Sets the field only if the organization requires something."""
    if row.key_max_life is not None:
        message.key_requirements.max_life_duration.FromTimedelta(row.key_max_life)
    if row.key_requires_whitelist:
        message.key_requirements.requires_model_whitelist = True
    if row.key_requires_budget:
        message.key_requirements.requires_budget = True


def _max_life(message: Organization) -> dt.timedelta | None:
    requirements = message.key_requirements
    return requirements.max_life_duration.ToTimedelta() if requirements.HasField("max_life_duration") else None


def check_key_requirements(message: Organization) -> Iterable[FieldViolation]:
    """Checks the longest life of keys before it is converted: a proto duration can be out of range."""
    requirements = message.key_requirements
    life = requirements.max_life_duration
    if requirements.HasField("max_life_duration") and not (0 < life.seconds <= _MAX_LIFE_S and life.nanos == 0):
        yield FieldViolation(
            "organization.key_requirements.max_life_duration", "must be whole seconds, from 1 second to 10 years"
        )


def settings_of(message: Organization, row: OrganizationRow | None, named: Collection[str]) -> OrganizationSettings:
    """Returns the new settings of an organization.

    Args:
        message: the source of the named fields. A named field that is unset gets its default.
        row: the source of all other fields; None if all are named.
        named: names of fields of the message.
    """
    defaults = OrganizationSettings(message.display_name)
    estimate = Organization.InputEstimate.Name(message.input_estimate).removeprefix("INPUT_ESTIMATE_")
    mode = Organization.BudgetMode.Name(message.budget_mode).removeprefix("BUDGET_MODE_")
    policy = Organization.ExpiredHoldPolicy.Name(message.expired_hold_policy).removeprefix("EXPIRED_HOLD_POLICY_")
    kept = row.settings if row else defaults

    def chosen(field: str, value: str | None) -> str | None:
        return value if field in named else getattr(kept, field)

    return OrganizationSettings(
        display_name=str(chosen("display_name", message.display_name)),
        time_zone=str(chosen("time_zone", message.time_zone or defaults.time_zone)),
        input_estimate=str(chosen("input_estimate", estimate if message.input_estimate else defaults.input_estimate)),
        budget_mode=str(chosen("budget_mode", mode if message.budget_mode else defaults.budget_mode)),
        expired_hold_policy=str(
            chosen("expired_hold_policy", policy if message.expired_hold_policy else defaults.expired_hold_policy)
        ),
        billing_email=chosen("billing_email", message.billing_email or None),
        key_max_life=_max_life(message) if "key_requirements" in named else kept.key_max_life,
        key_requires_whitelist=(
            message.key_requirements.requires_model_whitelist
            if "key_requirements" in named
            else kept.key_requires_whitelist
        ),
        key_requires_budget=(
            message.key_requirements.requires_budget if "key_requirements" in named else kept.key_requires_budget
        ),
    )
