"""The commands `megarouter invites`."""

import sys
from pathlib import Path
from typing import Annotated

from megarouter.admin.v1.messages import (
    AcceptInviteRequest,
    CreateInviteRequest,
    Invite,
    ListInvitesRequest,
    RevokeInviteRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    RoleOption,
    Section,
    YesOption,
    ask_for_secret,
    command,
    confirm,
    label,
    role,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name
from megarouter_admin.command_line.values.times import duration, parse_duration

application = Section()


def _state(invite: Invite) -> str:
    return label(Invite.State.Name(invite.state), "STATE_")


def _columns(session: Session) -> list[Column[Invite]]:
    return [
        Column("invite", lambda invite: short_name(invite.name)),
        Column("role", lambda invite: role(invite.role)),
        Column("group", lambda invite: short_name(invite.group)),
        Column("for", lambda invite: invite.email or invite.email_domain or "anyone"),
        Column("state", _state),
        Column("used", lambda invite: f"{invite.use_count:,}/{invite.max_uses:,}", Kind.MEASURE),
        Column("ends", lambda invite: session.ago(invite.expire_time)),
        Column("by", lambda invite: invite.inviter_display_name or short_name(invite.inviter)),
    ]


def _facts(session: Session, invite: Invite) -> list[tuple[str, str]]:
    return [
        ("invite", invite.name),
        ("role", role(invite.role)),
        ("group", invite.group),
        ("for", invite.email or invite.email_domain or "anyone"),
        ("state", _state(invite)),
        ("used", f"{invite.use_count:,} of {invite.max_uses:,}"),
        ("ends", session.ago(invite.expire_time)),
    ]


@command(
    application,
    "create",
    "invites create --role member --group platform --email emma@acme.example",
    "invites create --role member --group sales --domain acme.example --uses 50 --ttl 14d",
)
def create(
    session: Session,
    invited_role: RoleOption,
    group: Annotated[str, Option(metavar="GROUP", text="Group of the new member. Default: none.")] = "none",
    email: Annotated[str, Option(metavar="ADDRESS", text="Only for this e-mail address.")] = "",
    domain: Annotated[str, Option(metavar="DOMAIN", text="Only for e-mail addresses of this domain.")] = "",
    uses: Annotated[int, Option(metavar="N", minimum=1, text="Maximum number of users who may accept.")] = 1,
    ttl: Annotated[str, Option(metavar="DURATION", text="How long it is valid, such as 24h or 7d.")] = "7d",
) -> None:
    """Create an invite. Its token and link are shown only once."""
    invite = Invite(
        role=invited_role.value_of_api(),
        group=session.group(group),
        email=email,
        email_domain=domain,
        max_uses=uses,
        ttl=duration(parse_duration(ttl)),
    )
    made = session.router.invites.CreateInvite(CreateInviteRequest(parent=session.organization, invite=invite))
    secrets = [("token", made.token), ("link", made.link)]
    session.output.one(made, [*_facts(session, made.invite), *secrets])
    session.output.remark("token and link are shown only once")


@command(application, "list", "invites list", "invites list --filter 'state = STATE_PENDING'")
def list_invites(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List invites, oldest first."""
    request = ListInvitesRequest(parent=session.organization, filter=filter_text)
    invites = session.listed(session.router.invites.ListInvites, request, "invites", limit)
    session.output.rows(_columns(session), invites, "no invites")


@command(application, "revoke", "invites revoke INVITE --yes")
def revoke(
    session: Session,
    invite: Annotated[str, Argument(metavar="INVITE", text="Its id or name.")],
    *,
    yes: YesOption = False,
) -> None:
    """Revoke an invite. Members who joined with it stay."""
    name = session.name(Collection.INVITES, invite)
    confirm(f"Revoke {name}? This is permanent.", yes=yes)
    revoked = session.router.invites.RevokeInvite(RevokeInviteRequest(name=name))
    session.output.one(revoked, _facts(session, revoked))


@command(application, "accept", "invites accept --file invite.txt", "invites accept    # asks for the token")
def accept(
    session: Session,
    file: Annotated[Path | None, Option(metavar="FILE", text="File with the token or the link.")] = None,
) -> None:
    """Become a member. The organization becomes your current account.

    The command prompts for the token or the link, or reads it from standard input.
    """
    token = token_of(_read_token(file))
    if not token:
        raise ValueError("no token: pass it on standard input, or pass a file with --file")
    joined = session.router.invites.AcceptInvite(AcceptInviteRequest(token=token))
    session.output.one(
        joined,
        [
            ("organization", joined.organization),
            ("member", joined.member),
            ("role", role(joined.role)),
            ("group", joined.group),
            ("already a member", "yes" if joined.already_member else ""),
        ],
    )
    if not joined.already_member:
        session.note_current_account(joined.organization)


def _read_token(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as unreadable:
            raise ValueError(f"cannot read {file}: {unreadable.strerror}") from unreadable
    if sys.stdin.isatty():
        return str(ask_for_secret("Token or link"))
    return sys.stdin.read(10_000)


def token_of(text: str) -> str:
    """Returns the token in a text that is a token, or a link with the token after `#`."""
    return text.strip().rpartition("#")[2]
