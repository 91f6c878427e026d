"""The commands `megarouter claims`."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    ClaimMapping,
    CreateClaimMappingRequest,
    DeleteClaimMappingRequest,
    ListClaimMappingsRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    RoleOption,
    Section,
    YesOption,
    command,
    confirm,
    role,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()


def _facts(session: Session, mapping: ClaimMapping) -> list[tuple[str, str]]:
    return [
        ("mapping", mapping.name),
        ("issuer", mapping.issuer),
        ("claim", mapping.claim),
        ("value", mapping.value),
        ("role", role(mapping.role)),
        ("group", mapping.group),
        ("by", mapping.creator),
        ("created", session.ago(mapping.create_time)),
    ]


@command(application, "list", "claims list", "claims list --filter 'role = ROLE_SUB_ADMIN'")
def list_mappings(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List which claims of identity providers give which role, oldest first."""
    request = ListClaimMappingsRequest(parent=session.organization, filter=filter_text)
    mappings = session.listed(session.router.claim_mappings.ListClaimMappings, request, "claim_mappings", limit)
    columns = [
        Column[ClaimMapping]("mapping", lambda mapping: short_name(mapping.name)),
        Column[ClaimMapping]("issuer", lambda mapping: mapping.issuer),
        Column[ClaimMapping]("claim", lambda mapping: mapping.claim),
        Column[ClaimMapping]("value", lambda mapping: mapping.value),
        Column[ClaimMapping]("role", lambda mapping: role(mapping.role)),
        Column[ClaimMapping]("group", lambda mapping: mapping.group_display_name or short_name(mapping.group)),
        Column[ClaimMapping]("created", lambda mapping: session.ago(mapping.create_time)),
    ]
    session.output.rows(columns, mappings, "no claim mappings")


@command(
    application,
    "map",
    "claims map platform-admins --issuer https://login.example --role sub-admin --group platform",
    "claims map staff --claim https://acme.example/teams --issuer https://login.example --role member",
)
def map_claim(
    session: Session,
    value: Annotated[str, Argument(metavar="VALUE", text="The value that the claim must be or contain.")],
    issuer: Annotated[str, Option(metavar="URL", text="Identity provider, exactly as the settings name it.")],
    given_role: RoleOption,
    group: Annotated[str, Option(metavar="GROUP", text="Group that it puts the member into. Default: none.")] = "none",
    claim: Annotated[str, Option(metavar="NAME", text="Name of the claim.")] = "groups",
) -> None:
    """Give everyone who signs in with a claim a role. It follows the claim at each sign-in."""
    mapping = ClaimMapping(
        issuer=issuer, claim=claim, value=value, role=given_role.value_of_api(), group=session.group(group)
    )
    request = CreateClaimMappingRequest(parent=session.organization, claim_mapping=mapping)
    made = session.router.claim_mappings.CreateClaimMapping(request)
    session.output.one(made, _facts(session, made))


@command(application, "unmap", "claims unmap claim-01abc --yes")
def unmap(
    session: Session,
    mapping: Annotated[str, Argument(metavar="MAPPING", text="Its id or name.")],
    *,
    yes: YesOption = False,
) -> None:
    """Delete a claim mapping. What it gave is taken when each person signs in again."""
    name = session.name(Collection.CLAIM_MAPPINGS, mapping)
    confirm(f"Delete {name}?", yes=yes)
    gone = session.router.claim_mappings.DeleteClaimMapping(DeleteClaimMappingRequest(name=name))
    session.output.one(gone, _facts(session, gone))
