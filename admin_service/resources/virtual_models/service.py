"""Serves `megarouter.admin.v1.VirtualModels`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import virtual_model_pb2
from megarouter.admin.v1.virtual_model_pb2 import VirtualModel
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.directory import find_target
from admin_service.access.permissions import Permission
from admin_service.access.tree_places import MAX_SHOWN
from admin_service.api.errors import AdminError, FieldViolation, already_exists, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.guardrail_names import scope_name, scope_of_name
from admin_service.api.masks import apply_update
from admin_service.api.names import VIRTUAL_MODELS, ResourceName, parse_name
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import BooleanField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_groups
from admin_service.resources.virtual_models import store
from admin_service.resources.virtual_models.checks import check_names, stored_settings
from admin_service.resources.virtual_models.store import Returned, Settings, VirtualModelRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.virtual_models import LossRow
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_VIRTUAL_MODELS: Final = 100
_READ: Final = Permission.VIRTUAL_MODELS_READ
_WRITE: Final = Permission.VIRTUAL_MODELS_WRITE
_OWNERS: Final = frozenset({ScopeKind.ORGANIZATION, ScopeKind.GROUP})

_VIRTUAL_MODELS: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=store.make_row,
    permission=_READ,
    orders={"name": SortColumn("v.virtual_model_id")},
    unique=SortColumn("v.virtual_model_id"),
    default_order="name",
    fields={
        "model_name": TextField("v.model_name"),
        "disabled": BooleanField("(v.state = 'DISABLED')"),
        "create_time": TimeField("v.create_time"),
    },
    searched=("v.model_name",),
)


class VirtualModelsApi:
    """The virtual models of an organization."""

    service = virtual_model_pb2.DESCRIPTOR.services_by_name["VirtualModels"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self.handlers: Mapping[str, Handle] = {"GetVirtualModel": self.get, "ListVirtualModels": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateVirtualModel": self.create,
            "UpdateVirtualModel": update,
            "DeleteVirtualModel": delete,
            "LiftReturn": lift_return,
        }
        # An update is checked as a whole, with what it leaves as it was.
        self.rules: Mapping[str, Rule] = {"CreateVirtualModel": _check_creation}

    async def get(self, _request: virtual_model_pb2.GetVirtualModelRequest, caller: Caller) -> VirtualModel:
        """GetVirtualModel returns one virtual model."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return virtual_model_message(await _existing(connection, caller.resource, _READ))

    async def list(
        self, request: virtual_model_pb2.ListVirtualModelsRequest, caller: Caller
    ) -> virtual_model_pb2.ListVirtualModelsResponse:
        """ListVirtualModels returns the virtual models that the caller may see."""
        organization = caller.resource.organization
        groups = visible_groups(caller.actor, group="g.group_id", path="g.path")
        query = _VIRTUAL_MODELS.query(
            request, self._page_tokens, organization,
            Condition("v.organization_id = {}", organization),
            Condition(f"(v.owner_kind = 'organization' OR {groups.text})", *groups.values),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return virtual_model_pb2.ListVirtualModelsResponse(
            virtual_models=map(virtual_model_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(self, request: virtual_model_pb2.CreateVirtualModelRequest, change: Change) -> VirtualModel:
        """CreateVirtualModel adds a virtual model."""
        organization, wanted = change.caller.resource.organization, request.virtual_model
        owner = await _owner(change, wanted.owner)
        if await store.count_virtual_models(change.connection, organization) >= MAX_VIRTUAL_MODELS:
            message = (
                f"An organization has at most {MAX_VIRTUAL_MODELS} virtual models. Delete one that is no longer needed."
            )
            reason, metadata = ErrorReason.VIRTUAL_MODEL_LIMIT_REACHED, {"limit": str(MAX_VIRTUAL_MODELS)}
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata)
        name = ResourceName(organization, VIRTUAL_MODELS, self._make_id("vm"))
        settings = await _settings(change, str(name.resource_id), owner, wanted)
        await store.put_virtual_model(change.connection, organization, str(name.resource_id), owner, settings)
        made = await _existing(change.connection, name, _WRITE)
        change.record(name, None, virtual_model_message(made), group_path=made.group_path)
        return virtual_model_message(made)


async def update(request: virtual_model_pb2.UpdateVirtualModelRequest, change: Change) -> VirtualModel:
    """UpdateVirtualModel changes a virtual model."""
    asked, name = request.virtual_model, change.caller.resource
    row = await _existing(change.connection, name, _WRITE)
    check_etag(asked.etag, row.etag)
    wanted = virtual_model_message(row)
    apply_update(request.update_mask, asked, wanted)
    if violations := list(check_names(wanted)):
        raise invalid_fields(*violations)
    settings = await _settings(change, row.virtual_model, row.owner, wanted)
    if settings == row.settings:
        return virtual_model_message(row)
    await store.put_virtual_model(change.connection, row.organization, row.virtual_model, row.owner, settings)
    after = await _existing(change.connection, name, _WRITE)
    change.record(name, virtual_model_message(row), virtual_model_message(after), group_path=row.group_path)
    return virtual_model_message(after)


async def delete(_request: virtual_model_pb2.DeleteVirtualModelRequest, change: Change) -> VirtualModel:
    """DeleteVirtualModel deletes a virtual model."""
    row = await _existing(change.connection, change.caller.resource, _WRITE)
    await store.delete_virtual_model(change.connection, row.organization, row.virtual_model)
    change.record(change.caller.resource, virtual_model_message(row), None, group_path=row.group_path)
    return virtual_model_message(row)


async def lift_return(request: virtual_model_pb2.LiftReturnRequest, change: Change) -> VirtualModel:
    """LiftReturn lets routing choose models for a use case again."""
    name = change.caller.resource
    row = await _existing(change.connection, name, _WRITE)
    if not await store.lift_return(change.connection, row.organization, row.virtual_model, request.use_case):
        return virtual_model_message(row)
    after = await _existing(change.connection, name, _WRITE)
    change.record(name, virtual_model_message(row), virtual_model_message(after), group_path=row.group_path)
    return virtual_model_message(after)


def virtual_model_message(row: VirtualModelRow) -> VirtualModel:
    """Returns a virtual model as callers see it."""
    settings = row.settings
    return VirtualModel(
        name=str(ResourceName(row.organization, VIRTUAL_MODELS, row.virtual_model)),
        model_name=settings.model_name,
        owner=str(scope_name(row.organization, row.owner)),
        candidate_models=settings.candidates,
        baseline_model=settings.baseline,
        measured_losses=map(_measured_loss, settings.losses),
        disabled=settings.is_disabled,
        revision=row.revision,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
        returns=map(_return, row.returns),
    )


def _return(one: Returned) -> VirtualModel.Return:
    return VirtualModel.Return(
        use_case=one.use_case,
        measure=one.measure,
        routed_session_count=one.routed_count,
        routed_bad_session_count=one.routed_bad,
        held_out_session_count=one.held_out_count,
        held_out_bad_session_count=one.held_out_bad,
        loss_basis_points=one.loss_basis_points,
        loss_basis_points_low=one.low_basis_points,
        allowed_loss_basis_points=one.allowed_basis_points,
        return_time=timestamp(one.return_time),
    )


def _measured_loss(row: LossRow) -> VirtualModel.MeasuredLoss:
    use_case, model, points, *limit = row
    found = VirtualModel.MeasuredLoss(use_case=use_case, model_name=model, loss_basis_points=points)
    if limit:
        number, version, at_most = limit
        found.score_limit.number, found.score_limit.weights_version, found.score_limit.at_most = (
            number,
            version,
            at_most,
        )
    return found


def _check_creation(request: virtual_model_pb2.CreateVirtualModelRequest) -> Iterable[FieldViolation]:
    return check_names(request.virtual_model)


async def _owner(change: Change, text: str) -> Scope:
    """Returns the organization or group that is to have a virtual model, after checking that the caller may give it one.

    Raises:
        AdminError: PERMISSION_DENIED.
    """
    name = parse_name(text)
    scope = scope_of_name(name) if name and name.organization == change.caller.resource.organization else None
    target = await find_target(change.connection, name) if name and scope and scope.kind in _OWNERS else None
    if scope is None or target is None:
        raise permission_denied(_WRITE, text[:MAX_SHOWN])
    change.caller.require(_WRITE, target, text[:MAX_SHOWN])
    return scope


async def _settings(change: Change, virtual_model: str, owner: Scope, wanted: VirtualModel) -> Settings:
    """Returns what to store.

    Raises:
        AdminError: FIELD_INVALID, a model is not on offer, or a model has the name; ALREADY_EXISTS.
    """
    settings = stored_settings(wanted, await store.models_by_any_name(change.connection))
    organization = change.caller.resource.organization
    taken = await store.id_of_name(change.connection, organization, owner, settings.model_name)
    if taken is not None and taken != virtual_model:
        raise already_exists(ResourceName(organization, VIRTUAL_MODELS, taken))
    return settings


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> VirtualModelRow:
    row = await store.get_virtual_model(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row
