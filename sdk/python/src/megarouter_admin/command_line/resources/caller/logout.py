"""The command `megarouter logout`."""

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.resources.caller.login import endpoint, usable_store
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.sign_in.grants import revoke
from megarouter_admin.command_line.sign_in.provider import discover
from megarouter_admin.command_line.sign_in.records import Record

alone = Section()

_STAYS_VALID = {
    "token": "the access token itself stays valid: `megarouter tokens revoke` ends it",
    # A token that is valid in one organization only manages no tokens, so it cannot end itself.
    "link": "the access token itself stays valid until it ends, or an admin ends it: `megarouter tokens revoke-member`",
}


@command(alone, "logout", "logout", needs_token=False)
def logout(session: Session) -> None:
    """Sign out at this address: remove the stored sign-in."""
    store = usable_store(endpoint(session).url)
    record = Record()
    if store.is_used:
        with store.exclusively():
            record = store.load()
            store.remove(record)
    if record.sign_in is None:
        session.output.remark("you were not signed in at this address")
        return
    session.output.remark(f"signed out; {_STAYS_VALID.get(record.sign_in.method) or _ended(record)}")


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
