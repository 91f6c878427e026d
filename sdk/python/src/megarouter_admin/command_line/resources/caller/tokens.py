"""The commands `megarouter tokens`."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    AccessToken,
    CreateAccessTokenRequest,
    ListAccessTokensRequest,
    RevokeAccessTokenRequest,
)
from megarouter.type.v1.permission_pb2 import Permission

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
from megarouter_admin.command_line.values.names import organization_name, short_name
from megarouter_admin.command_line.values.times import parse_moment, timestamp

application = Section()

_ME = "users/me"
_PREFIX = "PERMISSION_"


def _state(token: AccessToken) -> str:
    return label(AccessToken.State.Name(token.state), "STATE_")


def _permissions(token: AccessToken) -> str:
    return ", ".join(_shown(permission) for permission in token.permissions) or "all"


def _shown(permission: Permission.ValueType) -> str:
    """Returns a permission as the matrix writes it: `api_keys:read`."""
    resource, _, action = Permission.Name(permission).removeprefix(_PREFIX).lower().rpartition("_")
    return f"{resource}:{action}"


def _permission(text: str) -> Permission.ValueType:
    known = {_shown(number): number for number in Permission.values() if number}
    if text not in known:
        raise ValueError(f"{text!r} is not a permission: choose from {', '.join(sorted(known))}")
    return known[text]


def _columns(session: Session) -> list[Column[AccessToken]]:
    return [
        Column("token", lambda token: short_name(token.name)),
        Column("name", lambda token: token.display_name),
        Column("secret", lambda token: token.obfuscated_token),
        Column("state", _state),
        Column("for", lambda token: short_name(token.organization) or "all your organizations"),
        Column("permissions", _permissions),
        Column("expires", lambda token: session.ago(token.expire_time)),
        Column("created", lambda token: session.ago(token.create_time)),
    ]


def _facts(session: Session, token: AccessToken) -> list[tuple[str, str]]:
    return [
        ("token", token.name),
        ("name", token.display_name),
        ("shown as", token.obfuscated_token),
        ("state", _state(token)),
        ("for", token.organization or "all your organizations"),
        ("permissions", _permissions(token)),
        ("expires", session.ago(token.expire_time)),
        ("revoked", session.ago(token.revoke_time)),
    ]


@command(application, "list", "tokens list", "tokens list --filter 'state = STATE_ACTIVE'")
def list_tokens(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List your access tokens."""
    request = ListAccessTokensRequest(parent=_ME, filter=filter_text)
    tokens = session.listed(session.router.access_tokens.ListAccessTokens, request, "access_tokens", limit)
    session.output.rows(_columns(session), tokens, "no tokens")


@command(
    application,
    "create",
    "tokens create 'Nightly report' --for acme --permission api_keys:read --expires 30d",
)
def create(
    session: Session,
    display_name: Annotated[str, Argument(metavar="NAME", text="Human-readable name.")],
    only: Annotated[
        str, Option("--for", metavar="ORG", text="Only for this organization. Default: all of yours.")
    ] = "",
    permissions: Annotated[
        list[str] | None,
        Option(
            "--permission",
            metavar="PERMISSION",
            text="Only this permission, such as api_keys:read; may be repeated. Default: all of yours.",
        ),
    ] = None,
    expires: Annotated[
        str,
        Option(
            "--expires",
            metavar="WHEN",
            text="Expiry: 2026-12-31, or from now: 30d. Default: 90 days, or with the token that you use now.",
        ),
    ] = "",
) -> None:
    """Create an access token of yours. It is shown only once."""
    token = AccessToken(
        display_name=display_name,
        organization=organization_name(only) if only else "",
        permissions=[_permission(text) for text in permissions or ()],
    )
    if expires:
        token.expire_time.CopyFrom(timestamp(parse_moment(expires, session.now)))
    request = CreateAccessTokenRequest(parent=_ME, access_token=token)
    made = session.router.access_tokens.CreateAccessToken(request)
    session.output.one(made, [*_facts(session, made.access_token), ("secret", made.secret)])
    session.output.remark("the token is shown only once")


@command(application, "revoke", "tokens revoke TOKEN --yes")
def revoke(
    session: Session,
    token: Annotated[str, Argument(metavar="TOKEN", text="Its id or name.")],
    *,
    yes: YesOption = False,
) -> None:
    """Revoke an access token of yours permanently."""
    name = f"{_ME}/accessTokens/{short_name(token) or token}"
    confirm(f"Revoke {name}? This is permanent.", yes=yes)
    answer = session.router.access_tokens.RevokeAccessToken(RevokeAccessTokenRequest(name=name))
    session.output.one(answer, _facts(session, answer))
