"""The commands `megarouter sign-in-links`."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    CreateSignInLinkRequest,
    CreateSignInLinkResponse,
    ExchangeSignInLinkRequest,
    IssueSignInLinkResponse,
    ListSignInLinksRequest,
    NewMember,
    RevokeSignInLinkRequest,
    SignInLink,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    RoleChoice,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()


def _state(link: SignInLink) -> str:
    return label(SignInLink.State.Name(link.state), "STATE_")


def _facts(session: Session, link: SignInLink) -> list[tuple[str, str]]:
    return [
        ("sign-in link", link.name),
        ("member", link.member),
        ("state", _state(link)),
        ("ends", session.ago(link.expire_time)),
        ("by", link.creator),
        ("access token", link.access_token),
    ]


def show_new_link(session: Session, answer: CreateSignInLinkResponse | IssueSignInLinkResponse) -> None:
    """Shows a new link with its secret."""
    secrets = [("secret", answer.secret), ("link", answer.link)]
    session.output.one(answer, [*_facts(session, answer.sign_in_link), *secrets])
    session.output.remark("whoever has the secret can sign in as this member; it is shown only once")


@command(application, "list", "sign-in-links list", "sign-in-links list --filter 'state = STATE_PENDING'")
def list_links(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the sign-in links for the members below you, oldest first."""
    request = ListSignInLinksRequest(parent=session.organization, filter=filter_text)
    links = session.listed(session.router.sign_in_links.ListSignInLinks, request, "sign_in_links", limit)
    columns = [
        Column[SignInLink]("link", lambda link: short_name(link.name)),
        Column[SignInLink]("member", lambda link: link.member_display_name or short_name(link.member)),
        Column[SignInLink]("state", _state),
        Column[SignInLink]("ends", lambda link: session.ago(link.expire_time)),
        Column[SignInLink]("by", lambda link: link.creator_display_name or link.creator),
        Column[SignInLink]("access token", lambda link: short_name(link.access_token)),
    ]
    session.output.rows(columns, links, "no sign-in links")


@command(application, "create", "sign-in-links create emma", "sign-in-links create emma@acme.example")
def create(
    session: Session,
    member: Annotated[str, Argument(metavar="MEMBER", text="Its id, name or e-mail address.")],
) -> None:
    """Create a link with which a member signs in once, without an identity provider. It replaces an earlier one."""
    link = SignInLink(member=session.member(member))
    request = CreateSignInLinkRequest(parent=session.organization, sign_in_link=link)
    show_new_link(session, session.router.sign_in_links.CreateSignInLink(request))


@command(
    application,
    "add",
    "sign-in-links add 'Emma Fischer' --role member --group platform",
)
def add(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="The person's name.")],
    new_role: Annotated[RoleChoice, Option("--role", metavar="ROLE", text="Role of the new member, below yours.")],
    group: Annotated[str, Option(metavar="GROUP", text="Group of the new member. Default: none.")] = "none",
) -> None:
    """Make somebody a member who has no identity provider, and create the link with which they sign in first."""
    new = NewMember(display_name=name, role=new_role.value_of_api(), group=session.group(group))
    request = CreateSignInLinkRequest(parent=session.organization, sign_in_link=SignInLink(new_member=new))
    show_new_link(session, session.router.sign_in_links.CreateSignInLink(request))


@command(application, "revoke", "sign-in-links revoke link-01abc --yes")
def revoke(
    session: Session,
    link: Annotated[str, Argument(metavar="LINK", text="Its id or name.")],
    *,
    yes: YesOption = False,
) -> None:
    """Revoke a sign-in link that is not used yet."""
    name = session.name(Collection.SIGN_IN_LINKS, link)
    confirm(f"Revoke {name}?", yes=yes)
    gone = session.router.sign_in_links.RevokeSignInLink(RevokeSignInLinkRequest(name=name))
    session.output.one(gone, _facts(session, gone))


@command(application, "exchange", "sign-in-links exchange --token-file link.txt")
def exchange(session: Session) -> None:
    """Sign in with a link: pass its secret as the token of this command. Prints your access token, only once."""
    answer = session.router.sign_in_links.ExchangeSignInLink(ExchangeSignInLinkRequest())
    session.output.one(
        answer,
        [
            ("secret", answer.secret),
            ("organization", answer.organization),
            ("member", answer.member),
            ("ends", session.ago(answer.expire_time)),
        ],
    )
    session.output.remark("the access token is shown only once; pass it in MEGAROUTER_ADMIN_TOKEN or with --token-file")
