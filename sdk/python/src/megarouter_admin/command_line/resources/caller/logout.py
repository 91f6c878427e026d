"""The command `megarouter logout`."""

from typing import Annotated

import grpc
from megarouter.admin.v1.messages import RevokeCurrentAccessTokenRequest

from megarouter_admin.client import MegaRouter
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.characters import visible
from megarouter_admin.command_line.resources.caller.login import endpoint, usable_store
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.sign_in.grants import revoke
from megarouter_admin.command_line.sign_in.provider import discover
from megarouter_admin.command_line.sign_in.records import Record
from megarouter_admin.errors import MegaRouterError

alone = Section()

_BY_GATEWAY = {"link", "token"}
"""The ways to sign in whose token is an access token of the gateway."""


@command(alone, "logout", "logout", "logout --keep-token", needs_token=False)
def logout(
    session: Session,
    *,
    keep_token: Annotated[
        bool, Option("--keep-token", text="Leave the access token valid. For one that is used elsewhere too.")
    ] = False,
) -> None:
    """Sign out at this address: remove the stored sign-in, and revoke its access token."""
    url = endpoint(session).url
    store = usable_store(url)
    record = Record()
    if store.is_used:
        with store.exclusively():
            record = store.load()
            store.remove(record)
    if record.sign_in is None:
        session.output.remark("you were not signed in at this address")
        return
    if record.sign_in.method not in _BY_GATEWAY:
        outcome = _ended(record)
    elif keep_token:
        outcome = "the access token stays valid"
    else:
        outcome = _revoked(url, record)
    session.output.remark(f"signed out; {outcome}")


def _revoked(url: str, record: Record) -> str:
    """Revokes the access token of a sign-in, and returns what became of it."""
    if record.secrets is None:
        return "no access token was kept"
    try:
        with MegaRouter(url, record.secrets.token) as router:
            router.access_tokens.RevokeCurrentAccessToken(RevokeCurrentAccessTokenRequest())
    except MegaRouterError as refused:
        if refused.code is grpc.StatusCode.UNAUTHENTICATED:
            return "the access token had ended already"
        if refused.reason == "NOT_AN_ACCESS_TOKEN":
            return "the token is one of your identity provider, so it stays valid until it ends"
        why = visible(refused.message)
        return f"but the access token stays valid, because it could not be revoked: {why}. Ask an admin to revoke it"
    return "the access token is revoked"


def _ended(record: Record) -> str:
    """Ends the refresh token at the identity provider, if that can be done, and returns what became of it."""
    if record.application is None or record.secrets is None or not record.secrets.refresh_token:
        return "nothing is left to end at the identity provider"
    try:
        is_revoked = revoke(discover(record.application.issuer), record.application, record.secrets)
    except (CommandError, ValueError) as failed:
        return f"but the identity provider did not end the sign-in: {failed}"
    if is_revoked:
        return "the identity provider ended the refresh token"
    return "the identity provider has no way to end the refresh token; it ends by itself"
