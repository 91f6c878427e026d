"""Asks about a caller whom people name without saying what it is: a key, a member or a service account."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, collection_of
from megarouter_admin.errors import MegaRouterError

T = TypeVar("T")


def ask_for_caller(session: Session, ask: Callable[[Any], T], request: Any, who: str) -> T:  # noqa: ANN401 - any request with a name
    """Asks for a key first, then for a member, then for a service account, because a bare id may be any of them.

    Args:
        session: the session.
        ask: the method.
        request: its request; its `name` is set.
        who: id or name of the caller, or an e-mail address.

    Raises:
        CommandError: there is no such caller, or the user may not see it.
        MegaRouterError: the question failed.
        ValueError: `who` names something else.
    """
    names = list(_candidates(session, who))
    for name in names:
        request.name = name
        try:
            return ask(request)
        except MegaRouterError as error:
            if len(names) == 1 or error.code is not grpc.StatusCode.PERMISSION_DENIED:
                raise
    raise CommandError(f"{who} is not a key, a member or a service account of {session.organization} that you may see")


def _candidates(session: Session, who: str) -> Iterator[str]:
    collection = Collection.MEMBERS if "@" in who else collection_of(who)
    if collection in {None, Collection.API_KEYS}:
        yield session.name(Collection.API_KEYS, who)
    if collection in {None, Collection.MEMBERS}:
        yield session.member(who)
    if collection in {None, Collection.SERVICE_ACCOUNTS}:
        yield session.name(Collection.SERVICE_ACCOUNTS, who)
    if collection not in {None, Collection.API_KEYS, Collection.MEMBERS, Collection.SERVICE_ACCOUNTS}:
        raise ValueError(f"{who!r} is not a key, a member or a service account")
