"""The commands `megarouter organizations`."""

from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateOrganizationRequest,
    DeleteOrganizationRequest,
    GetOrganizationRequest,
    Organization,
    ResumeOrganizationRequest,
    SuspendOrganizationRequest,
    UndeleteOrganizationRequest,
    UpdateOrganizationRequest,
)

from megarouter_admin.command_line.parsing.commands import Section, YesOption, command, confirm, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import organization_name
from megarouter_admin.command_line.values.times import duration, parse_duration

application = Section()

OrganizationArgument = Annotated[str, Argument(metavar="[ORG]", text="Default: --organization.")]
ZoneOption = Annotated[
    str | None, Option("--time-zone", metavar="ZONE", text="IANA time zone that starts the budgets' cycles.")
]
BillingOption = Annotated[str | None, Option(metavar="ADDRESS", text="E-mail address of the billing contact.")]


def kind_of(kind: Organization.Kind.ValueType) -> str:
    """Returns an organization's kind for people, such as `personal`."""
    return label(Organization.Kind.Name(kind), "KIND_")


def state_of(state: Organization.State.ValueType) -> str:
    """Returns an organization's state for people, such as `suspended`."""
    return label(Organization.State.Name(state), "STATE_")


def _show(session: Session, organization: Organization) -> None:
    estimate = Organization.InputEstimate.Name(organization.input_estimate)
    mode = Organization.BudgetMode.Name(organization.budget_mode)
    policy = Organization.ExpiredHoldPolicy.Name(organization.expired_hold_policy)
    session.output.one(
        organization,
        [
            ("organization", organization.name),
            ("name", organization.display_name),
            ("kind", kind_of(organization.kind)),
            ("state", state_of(organization.state)),
            ("time zone", organization.time_zone),
            ("input estimate", label(estimate, "INPUT_ESTIMATE_")),
            ("budgets", label(mode, "BUDGET_MODE_")),
            ("expired holds", label(policy, "EXPIRED_HOLD_POLICY_")),
            ("billing contact", organization.billing_email),
            ("keys need", _key_requirements(organization)),
            ("created", session.ago(organization.create_time)),
            ("deleted", session.ago(organization.delete_time)),
            ("purged", session.ago(organization.purge_time)),
        ],
    )


def _key_requirements(organization: Organization) -> str:
    required = organization.key_requirements
    life = required.max_life_duration.ToTimedelta()
    said = {
        f"an expiry within {life.days} days" if life.days else f"an expiry within {life}": required.HasField(
            "max_life_duration"
        ),
        "a model whitelist": required.requires_model_whitelist,
        "a budget": required.requires_budget,
    }
    return ", ".join(text for text, is_required in said.items() if is_required)


def _chosen(session: Session, text: str) -> str:
    return organization_name(text) if text else session.organization


@command(application, "show", "organizations show", "organizations show acme --json")
def show(session: Session, of: OrganizationArgument = "") -> None:
    """Show an organization."""
    request = GetOrganizationRequest(name=_chosen(session, of))
    _show(session, session.router.organizations.GetOrganization(request))


@command(application, "create", "organizations create 'Acme Inc.' --id acme --time-zone Europe/Berlin")
def create(
    session: Session,
    display_name: Annotated[str, Argument(metavar="NAME", text="Human-readable name.")],
    organization_id: Annotated[str, Option("--id", metavar="ID", text="Default: generated.")] = "",
    time_zone: ZoneOption = None,
    billing_email: BillingOption = None,
) -> None:
    """Create an organization. You become its first super-admin, and it becomes your current account."""
    made = Organization(display_name=display_name, time_zone=time_zone or "", billing_email=billing_email or "")
    request = CreateOrganizationRequest(organization=made, organization_id=organization_id)
    created = session.router.organizations.CreateOrganization(request)
    _show(session, created)
    session.note_current_account(created.name)


@command(
    application, "update", "organizations update --time-zone America/New_York --billing-email billing@acme.example"
)
def update(
    session: Session,
    of: OrganizationArgument = "",
    display_name: Annotated[str | None, Option("--name", metavar="NAME", text="Human-readable name.")] = None,
    time_zone: ZoneOption = None,
    billing_email: BillingOption = None,
) -> None:
    """Change the name, time zone or billing contact. An empty text removes the contact."""
    given = {"display_name": display_name, "time_zone": time_zone, "billing_email": billing_email}
    changed = {field: value for field, value in given.items() if value is not None}
    if not changed:
        raise ValueError("nothing to change: give --name, --time-zone or --billing-email")
    request = UpdateOrganizationRequest(
        organization=Organization(name=_chosen(session, of), **changed),  # type: ignore[arg-type] # all are texts
        update_mask=FieldMask(paths=sorted(changed)),
    )
    _show(session, session.router.organizations.UpdateOrganization(request))


@command(
    application,
    "require",
    "organizations require --key-life 90d --key-models --key-budget",
    "organizations require --nothing",
)
def require(
    session: Session,
    of: OrganizationArgument = "",
    key_life: Annotated[str, Option(metavar="DURATION", text="Keys expire at the latest after this time: 90d.")] = "",
    *,
    key_models: Annotated[bool, Option("--key-models", text="Keys need a model whitelist.")] = False,
    key_budget: Annotated[bool, Option("--key-budget", text="Keys need a budget.")] = False,
    nothing: Annotated[bool, Option("--nothing", text="Remove every requirement.")] = False,
) -> None:
    """Set which limits every API key must have. What is not named is no longer required."""
    if nothing == bool(key_life or key_models or key_budget):
        raise ValueError("give --key-life, --key-models or --key-budget, or else --nothing")
    required = Organization.KeyRequirements(requires_model_whitelist=key_models, requires_budget=key_budget)
    if key_life:
        required.max_life_duration.CopyFrom(duration(parse_duration(key_life)))
    request = UpdateOrganizationRequest(
        organization=Organization(name=_chosen(session, of), key_requirements=required),
        update_mask=FieldMask(paths=["key_requirements"]),
    )
    _show(session, session.router.organizations.UpdateOrganization(request))


@command(application, "suspend", "organizations suspend acme --yes")
def suspend(session: Session, of: OrganizationArgument = "", *, yes: YesOption = False) -> None:
    """Suspend an organization. All its keys are refused until it is resumed."""
    name = _chosen(session, of)
    confirm(f"Suspend {name}? All its keys will be refused.", yes=yes)
    _show(session, session.router.organizations.SuspendOrganization(SuspendOrganizationRequest(name=name)))


@command(application, "resume", "organizations resume acme")
def resume(session: Session, of: OrganizationArgument = "") -> None:
    """Resume a suspended organization."""
    request = ResumeOrganizationRequest(name=_chosen(session, of))
    _show(session, session.router.organizations.ResumeOrganization(request))


@command(application, "delete", "organizations delete acme --yes")
def delete(session: Session, of: OrganizationArgument = "", *, yes: YesOption = False) -> None:
    """Delete an organization. It can be undeleted for 30 days."""
    name = _chosen(session, of)
    confirm(f"Delete {name}? All its keys will be refused.", yes=yes)
    _show(session, session.router.organizations.DeleteOrganization(DeleteOrganizationRequest(name=name)))


@command(application, "undelete", "organizations undelete acme")
def undelete(session: Session, of: OrganizationArgument = "") -> None:
    """Undo a deletion."""
    request = UndeleteOrganizationRequest(name=_chosen(session, of))
    _show(session, session.router.organizations.UndeleteOrganization(request))
