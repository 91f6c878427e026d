"""The commands `megarouter credentials`."""

import enum
from typing import Annotated

from megarouter.admin.v1.messages import (
    CreateCredentialRequest,
    CreateCredentialResponse,
    Credential,
    GetCredentialRequest,
    ListCredentialsRequest,
    RevokeCredentialRequest,
    RotateCredentialRequest,
    RotateCredentialResponse,
    UpdateCredentialRequest,
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
from megarouter_admin.command_line.values.names import Collection, short_name
from megarouter_admin.command_line.values.permissions import permission_label, permissions_of
from megarouter_admin.command_line.values.times import duration, parse_duration, timestamp

application = Section()

CredentialArgument = Annotated[str, Argument(metavar="CREDENTIAL", text="Its id or name.")]


class KindChoice(enum.StrEnum):
    """What a credential is for."""

    SCIM = "scim"
    AUTOMATION = "automation"


def _state(credential: Credential) -> str:
    return label(Credential.State.Name(credential.state), "STATE_")


def _kind(credential: Credential) -> str:
    return label(Credential.Kind.Name(credential.kind), "KIND_")


def _rights(credential: Credential) -> str:
    return ", ".join(map(permission_label, credential.permissions))


def _facts(session: Session, credential: Credential) -> list[tuple[str, str]]:
    return [
        ("credential", credential.name),
        ("name", credential.display_name),
        ("kind", _kind(credential)),
        ("permissions", _rights(credential)),
        ("admins", "may be suspended and removed" if credential.may_change_admins else ""),
        ("state", _state(credential)),
        ("ends", session.ago(credential.expire_time)),
        ("old secret ends", session.ago(credential.previous_secret_expire_time)),
        ("by", credential.creator),
    ]


def _show_secret(session: Session, answer: CreateCredentialResponse | RotateCredentialResponse) -> None:
    session.output.one(answer, [*_facts(session, answer.credential), ("secret", answer.secret)])
    session.output.remark("the secret is shown only once")


@command(application, "list", "credentials list", "credentials list --filter 'state = STATE_ACTIVE'")
def list_credentials(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the credentials of SCIM connections and automation, oldest first."""
    request = ListCredentialsRequest(parent=session.organization, filter=filter_text)
    found = session.listed(session.router.credentials.ListCredentials, request, "credentials", limit)
    columns = [
        Column[Credential]("credential", lambda one: short_name(one.name)),
        Column[Credential]("name", lambda one: one.display_name),
        Column[Credential]("kind", _kind),
        Column[Credential]("secret", lambda one: one.obfuscated_secret),
        Column[Credential]("permissions", _rights),
        Column[Credential]("state", _state),
        Column[Credential]("ends", lambda one: session.ago(one.expire_time)),
    ]
    session.output.rows(columns, found, "no credentials")


@command(application, "show", "credentials show cred-01abc")
def show(session: Session, credential: CredentialArgument) -> None:
    """Show a credential, without its secret."""
    name = session.name(Collection.CREDENTIALS, credential)
    found = session.router.credentials.GetCredential(GetCredentialRequest(name=name))
    session.output.one(found, _facts(session, found))


@command(
    application,
    "create",
    "credentials create directory --kind scim",
    "credentials create reports --kind automation --permission usage:read --ttl 30d",
)
def create(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What it is for. The audit log shows it.")],
    kind: Annotated[KindChoice, Option(metavar="KIND", text="scim or automation.")],
    permission: Annotated[
        list[str] | None,
        Option(metavar="NAME", text="What it may do, such as usage:read; may be repeated. Required for automation."),
    ] = None,
    ttl: Annotated[str, Option(metavar="DURATION", text="How long it lives, such as 30d. Default: the longest.")] = "",
    *,
    may_change_admins: Annotated[
        bool,
        Option(
            "--may-change-admins", text="Let the directory suspend and remove L1 Admins and Sub Admins. Only for scim."
        ),
    ] = False,
) -> None:
    """Create a credential for a program. Its secret is shown only once."""
    wanted = Credential(
        display_name=name,
        kind=Credential.Kind.Value(f"KIND_{kind.name}"),
        permissions=permissions_of(permission or ()),
        may_change_admins=may_change_admins,
    )
    if ttl:
        wanted.expire_time.CopyFrom(timestamp(session.now + parse_duration(ttl)))
    request = CreateCredentialRequest(parent=session.organization, credential=wanted)
    _show_secret(session, session.router.credentials.CreateCredential(request))


@command(
    application,
    "update",
    "credentials update cred-01abc --name reports",
    "credentials update cred-01abc --permission usage:read --ttl 30d",
)
def update(
    session: Session,
    credential: CredentialArgument,
    name: Annotated[str, Option(metavar="NAME", text="Its new name.")] = "",
    permission: Annotated[
        list[str] | None,
        Option(metavar="NAME", text="What it may do from now on, instead of what it may do now; may be repeated."),
    ] = None,
    ttl: Annotated[str, Option(metavar="DURATION", text="How long it lives from now on, such as 30d.")] = "",
) -> None:
    """Rename a credential, or change what it may do or when it ends. Its secret stays the same."""
    wanted = Credential(
        name=session.name(Collection.CREDENTIALS, credential),
        display_name=name,
        permissions=permissions_of(permission or ()),
    )
    if ttl:
        wanted.expire_time.CopyFrom(timestamp(session.now + parse_duration(ttl)))
    if not (name or permission or ttl):
        raise ValueError("nothing to change: give --name, --permission or --ttl")
    changed = session.router.credentials.UpdateCredential(UpdateCredentialRequest(credential=wanted))
    session.output.one(changed, _facts(session, changed))


@command(application, "rotate", "credentials rotate cred-01abc", "credentials rotate cred-01abc --overlap 0")
def rotate(
    session: Session,
    credential: CredentialArgument,
    overlap: Annotated[str, Option(metavar="DURATION", text="How long the old secret stays valid: 0 to 7d.")] = "24h",
) -> None:
    """Give a credential a new secret and a new life. The secret is shown only once."""
    name = session.name(Collection.CREDENTIALS, credential)
    request = RotateCredentialRequest(name=name, overlap_duration=duration(parse_duration(overlap)))
    _show_secret(session, session.router.credentials.RotateCredential(request))


@command(application, "revoke", "credentials revoke cred-01abc --yes")
def revoke(session: Session, credential: CredentialArgument, *, yes: YesOption = False) -> None:
    """Revoke a credential permanently."""
    name = session.name(Collection.CREDENTIALS, credential)
    confirm(f"Revoke {name}? What uses it stops at once.", yes=yes)
    gone = session.router.credentials.RevokeCredential(RevokeCredentialRequest(name=name))
    session.output.one(gone, _facts(session, gone))
