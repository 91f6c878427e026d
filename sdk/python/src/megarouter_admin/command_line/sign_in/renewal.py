"""The token of a stored sign-in, renewed if it has ended."""

import datetime as dt
from dataclasses import replace
from typing import Final

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.grants import refreshed
from megarouter_admin.command_line.sign_in.provider import RefusalError, discover
from megarouter_admin.command_line.sign_in.records import Record
from megarouter_admin.command_line.sign_in.store import SignInStore

_EARLY: Final = dt.timedelta(seconds=60)
"""A token is renewed so long before its end, so that it does not end on the way."""


def valid_record(store: SignInStore, now: dt.datetime) -> Record | None:
    """Returns the stored sign-in with a token that is valid, or None if no one has signed in.

    Raises:
        CommandError: the sign-in ended and cannot be renewed, or the store is not private.
    """
    record = store.load()
    if record.sign_in is None:
        return None
    if record.secrets is None:
        raise CommandError(
            "the keyring of the system does not give the sign-in: unlock it, or run `megarouter login` again"
        )
    if not _is_ending(record, now):
        return record
    if not record.secrets.refresh_token:
        if record.sign_in.expire_time is not None and record.sign_in.expire_time > now:
            return record
        raise CommandError("your sign-in has ended: run `megarouter login` again")
    with store.exclusively():
        # Another process may have renewed it while this one waited, which ended the refresh token that was read above.
        record = store.load()
        if record.sign_in is None or record.secrets is None:
            raise CommandError("you signed out in the meantime: run `megarouter login` again")
        return _renewed(store, record, now) if _is_ending(record, now) else record


def _is_ending(record: Record, now: dt.datetime) -> bool:
    ends = record.sign_in.expire_time if record.sign_in else None
    return ends is not None and ends - _EARLY <= now


def _renewed(store: SignInStore, record: Record, now: dt.datetime) -> Record:
    if record.sign_in is None or record.secrets is None or record.application is None:
        raise CommandError("your sign-in has ended: run `megarouter login` again")
    provider = discover(record.application.issuer)
    try:
        grant = refreshed(provider, record.application, record.secrets, record.sign_in.subject, now)
    except RefusalError as refusal:
        raise CommandError(f"your sign-in has ended, and {refusal}") from refusal
    renewed = replace(
        record,
        secrets=grant.secrets,
        sign_in=replace(record.sign_in, expire_time=grant.person.expire_time),
    )
    store.save(renewed)
    return renewed
