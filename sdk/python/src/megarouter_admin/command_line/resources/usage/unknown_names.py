"""Tells an empty answer about something that does not exist from one about something without calls."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import grpc
from megarouter.admin.v1.messages import (
    GetApiKeyRequest,
    GetGroupRequest,
    GetMemberRequest,
    GetModelRequest,
    GetServiceAccountRequest,
    ListVirtualModelsRequest,
    UsageFilter,
)

from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection
from megarouter_admin.errors import MegaRouterError

_MODEL: Final = "model"
_OF_THE_CATALOG: Final = (
    "Calls to a virtual model of the catalog, such as auto, count under the models that served them."
)
"""The API tells only virtual models of the organization."""
_NOT_THERE: Final = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED})


def remark_if_unknown(session: Session, kept: UsageFilter, *, call_count: int) -> None:
    """Remarks on names of a filter that do not exist now, if there are no calls. Names that were deleted keep their calls."""
    if call_count:
        return
    for kind, name, look in _named(session, kept):
        if _is_there(look):
            continue
        if kind == _MODEL and _is_there(partial(_virtual_model, session, name)):
            session.output.remark(f"{name} is a virtual model. Its calls count under the models that served them.")
            continue
        note = _OF_THE_CATALOG if kind == _MODEL else "One that was deleted has no calls in this period."
        session.output.remark(f"There is no {kind} {name} that you can see. Check the name. {note}")


def _is_there(look: Callable[[], object]) -> bool:
    try:
        look()
    except MegaRouterError as error:
        if error.code not in _NOT_THERE:
            raise
        return False
    return True


def _named(session: Session, kept: UsageFilter) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yields what a filter names: the kind, the name, and how to look it up."""
    router = session.router
    for name in kept.members:
        if f"/{Collection.SERVICE_ACCOUNTS}/" in name:
            account = GetServiceAccountRequest(name=name)
            yield "service account", _short(name), partial(router.service_accounts.GetServiceAccount, account)
        else:
            yield "member", _short(name), partial(router.members.GetMember, GetMemberRequest(name=name))
    for name in kept.api_keys:
        yield "key", _short(name), partial(router.api_keys.GetApiKey, GetApiKeyRequest(name=name))
    for name in kept.groups:
        yield "group", _short(name), partial(router.groups.GetGroup, GetGroupRequest(name=name))
    for name in kept.models:
        yield _MODEL, _short(name), partial(router.catalog.GetModel, GetModelRequest(name=name))


def _virtual_model(session: Session, name: str) -> None:
    """Looks up what callers write as a model.

    Raises:
        MegaRouterError: no virtual model that the caller sees has this name.
    """
    request = ListVirtualModelsRequest(
        parent=session.organization, page_size=1, filter=f"model_name = {json.dumps(name)}"
    )
    if not session.router.virtual_models.ListVirtualModels(request).virtual_models:
        raise MegaRouterError(grpc.StatusCode.NOT_FOUND, name)


def _short(name: str) -> str:
    return name.rpartition("/")[2]
