"""The commands `megarouter tokens`."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    AccessToken,
    CreateAccessTokenRequest,
    ListAccessTokensRequest,
    ListMemberAccessTokensRequest,
    MemberAccessToken,
    RevokeAccessTokenRequest,
    RevokeMemberAccessTokenRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, organization_name, short_name
from megarouter_admin.command_line.values.permissions import permission_label, permissions_of
from megarouter_admin.command_line.values.times import parse_moment, timestamp

application = Section()

_MINE = "users/me"

TokenArgument = Annotated[str, Argument(metavar="TOKEN", text="Its id or name, not the secret.")]


def _state(token: AccessToken | MemberAccessToken) -> str:
    return label(AccessToken.State.Name(token.state), "STATE_")


def _rights(token: AccessToken | MemberAccessToken) -> str:
    return ", ".join(map(permission_label, token.permissions)) or "all"


def _facts(session: Session, token: AccessToken) -> list[tuple[str, str]]:
    return [
        ("token", token.name),
        ("name", token.display_name),
        ("organization", token.organization or "all"),
        ("permissions", _rights(token)),
        ("state", _state(token)),
        ("ends", session.ago(token.expire_time)),
        ("signed in at", token.issuer),
    ]


@command(application, "list", "tokens list", "tokens list --filter 'state = STATE_ACTIVE'")
def list_tokens(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List your access tokens, without their secrets."""
    request = ListAccessTokensRequest(parent=_MINE, filter=filter_text)
    tokens = session.listed(session.router.access_tokens.ListAccessTokens, request, "access_tokens", limit)
    columns = [
        Column[AccessToken]("token", lambda token: short_name(token.name)),
        Column[AccessToken]("name", lambda token: token.display_name),
        Column[AccessToken]("secret", lambda token: token.obfuscated_token),
        Column[AccessToken]("organization", lambda token: short_name(token.organization) or "all"),
        Column[AccessToken]("permissions", _rights),
        Column[AccessToken]("state", _state),
        Column[AccessToken]("ends", lambda token: session.ago(token.expire_time)),
    ]
    session.output.rows(columns, tokens, "no access tokens")


@command(
    application,
    "create",
    "tokens create laptop",
    "tokens create reports --for acme --permission usage:read --permission credits:read --expires 30d",
)
def create(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What it is for.")],
    expires: Annotated[
        str, Option(metavar="WHEN", text="Expiry: 2026-12-31, or from now: 30d. Default: the latest that is allowed.")
    ] = "",
    permission: Annotated[
        list[str] | None,
        Option(metavar="NAME", text="Its only permissions, such as usage:read; may be repeated. Default: all."),
    ] = None,
    only: Annotated[
        str, Option("--for", metavar="ORG", text="Only for this organization. Default: all of yours.")
    ] = "",
) -> None:
    """Create an access token for yourself. Its secret is shown only once."""
    token = AccessToken(display_name=name, permissions=permissions_of(permission or ()))
    if only:
        token.organization = organization_name(only)
    if expires:
        token.expire_time.CopyFrom(timestamp(parse_moment(expires, session.now)))
    made = session.router.access_tokens.CreateAccessToken(CreateAccessTokenRequest(parent=_MINE, access_token=token))
    session.output.one(made, [*_facts(session, made.access_token), ("secret", made.secret)])
    session.output.remark("the secret is shown only once")


@command(application, "revoke", "tokens revoke token-01abc --yes")
def revoke(session: Session, token: TokenArgument, *, yes: YesOption = False) -> None:
    """Revoke one of your access tokens."""
    name = f"{_MINE}/accessTokens/{short_name(token)}"
    confirm(f"Revoke {name}? This is permanent.", yes=yes)
    _show(session, session.router.access_tokens.RevokeAccessToken(RevokeAccessTokenRequest(name=name)))


def _show(session: Session, token: AccessToken) -> None:
    session.output.one(token, _facts(session, token))


@command(application, "members", "tokens members", "tokens members --filter 'member = organizations/acme/members/emma'")
def members(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the access tokens of the members below you that are valid in the organization."""
    request = ListMemberAccessTokensRequest(parent=session.organization, filter=filter_text)
    listing = session.router.member_access_tokens.ListMemberAccessTokens
    tokens = session.listed(listing, request, "member_access_tokens", limit)
    columns = [
        Column[MemberAccessToken]("token", lambda token: short_name(token.name)),
        Column[MemberAccessToken]("member", lambda token: token.member_display_name or short_name(token.member)),
        Column[MemberAccessToken]("name", lambda token: token.display_name),
        Column[MemberAccessToken]("permissions", _rights),
        Column[MemberAccessToken]("state", _state),
        Column[MemberAccessToken]("ends", lambda token: session.ago(token.expire_time)),
        Column[MemberAccessToken]("signed in at", lambda token: token.issuer),
    ]
    session.output.rows(columns, tokens, "no access tokens")


@command(application, "revoke-member", "tokens revoke-member token-01abc --yes")
def revoke_member(session: Session, token: TokenArgument, *, yes: YesOption = False) -> None:
    """Revoke an access token of a member below you, in all organizations that it is valid in."""
    name = session.name(Collection.ACCESS_TOKENS, token)
    confirm(f"Revoke {name}? This is permanent.", yes=yes)
    revoked = session.router.member_access_tokens.RevokeMemberAccessToken(RevokeMemberAccessTokenRequest(name=name))
    session.output.one(
        revoked, [("token", revoked.name), ("member", revoked.member_display_name), ("state", _state(revoked))]
    )
