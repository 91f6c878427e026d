"""The commands `megarouter own-keys`, by which an organization brings its own keys at providers."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    ClearOwnProviderCredentialRequest,
    ListOwnProviderCredentialsRequest,
    OwnProviderCredential,
    RevokeOwnProviderCredentialRequest,
    SearchOwnProviderCredentialsRequest,
    SetOwnProviderCredentialRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    secret_from_input,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import short_name

application = Section()

ProviderArgument = Annotated[str, Argument(metavar="PROVIDER", text="Id of the provider, such as openai.")]


def _name(session: Session, provider: str) -> str:
    return f"{session.organization}/providerCredentials/{provider}"


def _columns(session: Session) -> list[Column[OwnProviderCredential]]:
    return [
        Column[OwnProviderCredential]("provider", lambda one: short_name(one.name)),
        Column[OwnProviderCredential]("fingerprint", lambda one: one.fingerprint),
        Column[OwnProviderCredential]("set", lambda one: session.ago(one.set_time)),
        Column[OwnProviderCredential]("by", lambda one: one.setter_display_name or short_name(one.setter)),
        Column[OwnProviderCredential]("falls back", _falls_back),
    ]


def _falls_back(one: OwnProviderCredential) -> str:
    return "yes" if one.gateway_fallback else "no"


def _show(session: Session, one: OwnProviderCredential) -> None:
    fingerprint = one.fingerprint or "none: calls carry the gateway's credential"
    fields = [("provider", short_name(one.name)), ("own key", fingerprint)]
    if one.fingerprint:
        fields.append(("falls back", _falls_back(one)))
    session.output.one(one, fields)


@command(application, "list", "own-keys list")
def list_own_keys(session: Session, limit: LimitOption = 0) -> None:
    """List the providers at which the organization has its own key."""
    request = ListOwnProviderCredentialsRequest(parent=session.organization)
    method = session.router.own_provider_credentials.ListOwnProviderCredentials
    found = session.listed(method, request, "own_provider_credentials", limit)
    session.output.rows(_columns(session), found, "no own keys")


@command(application, "set", "own-keys set openai")
def set_own_key(
    session: Session,
    provider: ProviderArgument,
    *,
    gateway_fallback: Annotated[
        bool,
        Option(
            "--gateway-fallback",
            text="Let calls also go to deployments without an own key. Default: only to those with one.",
        ),
    ] = False,
) -> None:
    """Set or replace the organization's own key at a provider. The standard input has it."""
    secret = secret_from_input(f"Key at {provider}")
    request = SetOwnProviderCredentialRequest(
        name=_name(session, provider), secret=secret, gateway_fallback=gateway_fallback
    )
    _show(session, session.router.own_provider_credentials.SetOwnProviderCredential(request))


@command(application, "clear", "own-keys clear openai")
def clear_own_key(session: Session, provider: ProviderArgument, *, yes: YesOption = False) -> None:
    """Remove the organization's own key. The next calls carry the gateway's credential."""
    confirm(f"Remove the own key at {provider}?", yes=yes)
    request = ClearOwnProviderCredentialRequest(name=_name(session, provider))
    _show(session, session.router.own_provider_credentials.ClearOwnProviderCredential(request))


@command(application, "search", "own-keys search")
def search_own_keys(session: Session) -> None:
    """List the own keys of an organization, as an operator of the deployment."""
    request = SearchOwnProviderCredentialsRequest(parent=session.organization)
    found = session.router.own_provider_credentials.SearchOwnProviderCredentials(request).own_provider_credentials
    session.output.rows(_columns(session), list(found), "no own keys")


@command(application, "revoke", "own-keys revoke openai")
def revoke_own_key(session: Session, provider: ProviderArgument, *, yes: YesOption = False) -> None:
    """Remove the own key of an organization, as an operator of the deployment."""
    confirm(f"Remove the own key of {short_name(session.organization)} at {provider}?", yes=yes)
    request = RevokeOwnProviderCredentialRequest(name=_name(session, provider))
    _show(session, session.router.own_provider_credentials.RevokeOwnProviderCredential(request))
