"""The commands of `megarouter routing` about virtual models."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateVirtualModelRequest,
    DeleteVirtualModelRequest,
    GetVirtualModelRequest,
    LiftReturnRequest,
    ListVirtualModelsRequest,
    UpdateVirtualModelRequest,
    VirtualModel,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, scope_name, short_name, short_scope

application = Section()

VirtualModelArgument = Annotated[str, Argument(metavar="VIRTUAL_MODEL", text="Its id, such as vm-01abc.")]
LossOption = Annotated[
    list[str],
    Option(
        "--loss",
        metavar="USE_CASE:MODEL:PERCENT",
        text="How much worse the model was measured to be, such as summaries:gpt-4o-mini:0.5; may be repeated. With"
        " :score-1<=-20@VERSION after it: if it serves only calls with a low score, as ./dev route-eval --losses prints it.",
    ),
]


def _percent(basis_points: int) -> str:
    return f"{Decimal(basis_points) / 100:f}%"


def _losses(virtual: VirtualModel) -> str:
    return ", ".join(
        f"{one.use_case}: {one.model_name} {_percent(one.loss_basis_points)}{_limit(one)}"
        for one in virtual.measured_losses
    )


def _limit(loss: VirtualModel.MeasuredLoss) -> str:
    limit = loss.score_limit
    return f" if score {limit.number} is at most {limit.at_most}" if loss.HasField("score_limit") else ""


def _state(virtual: VirtualModel) -> str:
    return "off" if virtual.disabled else "on"


def _returns(virtual: VirtualModel) -> str:
    return ", ".join(f"{one.use_case} ({_why(one)})" for one in virtual.returns)


def _why(one: VirtualModel.Return) -> str:
    what = "bad ratings" if one.measure == "rated_bad" else "trouble"
    lost, at_least = _percent(one.loss_basis_points), _percent(one.loss_basis_points_low)
    return f"{what} {lost} more often, at least {at_least}; {_percent(one.allowed_loss_basis_points)} allowed"


def _facts(session: Session, virtual: VirtualModel) -> list[tuple[str, str]]:
    return [
        ("virtual model", virtual.name),
        ("callers write", virtual.model_name),
        ("of", short_scope(virtual.owner)),
        ("candidates", ", ".join(virtual.candidate_models)),
        ("baseline", virtual.baseline_model),
        ("losses", _losses(virtual)),
        ("state", _state(virtual)),
        ("back on the baseline", _returns(virtual)),
        ("revision", str(virtual.revision)),
        ("changed", session.ago(virtual.update_time)),
    ]


@command(application, "models", "routing models")
def list_virtual_models(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List virtual models: names that are served by one of several models."""
    request = ListVirtualModelsRequest(parent=session.organization, filter=filter_text)
    found = session.listed(session.router.virtual_models.ListVirtualModels, request, "virtual_models", limit)
    columns = [
        Column[VirtualModel]("id", lambda one: short_name(one.name)),
        Column[VirtualModel]("callers write", lambda one: one.model_name),
        Column[VirtualModel]("of", lambda one: short_scope(one.owner)),
        Column[VirtualModel]("candidates", lambda one: ", ".join(one.candidate_models)),
        Column[VirtualModel]("baseline", lambda one: one.baseline_model),
        Column[VirtualModel]("state", _state),
    ]
    session.output.rows(columns, found, "no virtual models besides those of the catalog")


@command(application, "show-model", "routing show-model vm-01abc")
def show_model(session: Session, virtual_model: VirtualModelArgument) -> None:
    """Show a virtual model with its measured losses."""
    name = session.name(Collection.VIRTUAL_MODELS, virtual_model)
    found = session.router.virtual_models.GetVirtualModel(GetVirtualModelRequest(name=name))
    session.output.one(found, _facts(session, found))


@command(
    application,
    "add-model",
    "routing add-model assistant --candidate gpt-4o --candidate gpt-4o-mini --baseline gpt-4o",
    "routing add-model assistant --owner groups/research --candidate gpt-5 --candidate gpt-5-mini --baseline gpt-5"
    " --loss summaries:gpt-5-mini:0.5",
)
def add_model(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What callers write as the model.")],
    candidate: Annotated[
        list[str], Option("--candidate", metavar="MODEL", text="A model that may serve; may be repeated, up to 8.")
    ],
    baseline: Annotated[str, Option(metavar="MODEL", text="The candidate that serves what no other may serve.")],
    owner: Annotated[str, Option(metavar="SCOPE", text="organization or groups/ID.")] = "organization",
    loss: LossOption = [],  # noqa: B006 - never changed
) -> None:
    """Add a virtual model."""
    wanted = VirtualModel(
        model_name=name,
        owner=scope_name(session.organization, session.scope(owner)),
        candidate_models=candidate,
        baseline_model=baseline,
        measured_losses=parse_losses(loss),
    )
    request = CreateVirtualModelRequest(parent=session.organization, virtual_model=wanted)
    made = session.router.virtual_models.CreateVirtualModel(request)
    session.output.one(made, _facts(session, made))


@command(
    application,
    "set-model",
    "routing set-model vm-01abc --loss summaries:gpt-4o-mini:0.5 --loss contracts:gpt-4o-mini:9",
    "routing set-model vm-01abc --candidate gpt-4o --candidate gpt-4.1-mini",
)
def set_model(
    session: Session,
    virtual_model: VirtualModelArgument,
    candidate: Annotated[
        list[str], Option("--candidate", metavar="MODEL", text="The candidates, in place of the present ones.")
    ] = [],  # noqa: B006 - never changed
    baseline: Annotated[str, Option(metavar="MODEL", text="The candidate that serves what no other may serve.")] = "",
    loss: LossOption = [],  # noqa: B006 - never changed
) -> None:
    """Change the candidates, the baseline or the measured losses of a virtual model. What is given replaces what was there."""
    changed = VirtualModel(
        name=session.name(Collection.VIRTUAL_MODELS, virtual_model),
        candidate_models=candidate,
        baseline_model=baseline,
        measured_losses=parse_losses(loss),
    )
    made = session.router.virtual_models.UpdateVirtualModel(UpdateVirtualModelRequest(virtual_model=changed))
    session.output.one(made, _facts(session, made))


@command(application, "switch-model", "routing switch-model vm-01abc --off", "routing switch-model vm-01abc")
def switch_model(
    session: Session,
    virtual_model: VirtualModelArgument,
    *,
    off: Annotated[bool, Option("--off", text="Off instead of on: the baseline then serves every call.")] = False,
) -> None:
    """Switch a virtual model on, or off: the kill switch."""
    changed = VirtualModel(name=session.name(Collection.VIRTUAL_MODELS, virtual_model), disabled=off)
    request = UpdateVirtualModelRequest(virtual_model=changed, update_mask=FieldMask(paths=["disabled"]))
    made = session.router.virtual_models.UpdateVirtualModel(request)
    session.output.one(made, _facts(session, made))


@command(application, "lift-return", "routing lift-return vm-01abc summaries")
def lift_return(
    session: Session,
    virtual_model: VirtualModelArgument,
    use_case: Annotated[str, Argument(metavar="USE_CASE", text="A use case that is back on the baseline.")],
) -> None:
    """Let routing choose models for a use case again that went back to the baseline because answers were worse than allowed."""
    name = session.name(Collection.VIRTUAL_MODELS, virtual_model)
    made = session.router.virtual_models.LiftReturn(LiftReturnRequest(name=name, use_case=use_case))
    session.output.one(made, _facts(session, made))


@command(application, "remove-model", "routing remove-model vm-01abc --yes")
def remove_model(session: Session, virtual_model: VirtualModelArgument, *, yes: YesOption = False) -> None:
    """Delete a virtual model. Calls to its name fail then, unless a wider owner or the catalog has one of this name."""
    name = session.name(Collection.VIRTUAL_MODELS, virtual_model)
    confirm(f"Delete {name}?", yes=yes)
    gone = session.router.virtual_models.DeleteVirtualModel(DeleteVirtualModelRequest(name=name))
    session.output.one(gone, _facts(session, gone))


def parse_losses(texts: Sequence[str]) -> list[VirtualModel.MeasuredLoss]:
    """Returns the losses that texts such as `summaries:gpt-4o-mini:0.5` state.

    Raises:
        ValueError: a text has another form.
    """
    losses = []
    for text in texts:
        plain, limit = text, _SCORE_LIMIT.search(text)
        if limit:
            plain = text[: limit.start()]
        use_case, _, rest = plain.partition(":")
        model, _, percent = rest.rpartition(":")
        if not use_case or not model:
            raise ValueError(f"{text!r} is no loss: write USE_CASE:MODEL:PERCENT, such as summaries:gpt-4o-mini:0.5")
        loss = VirtualModel.MeasuredLoss(use_case=use_case, model_name=model, loss_basis_points=basis_points(percent))
        if limit:
            number, at_most, version = map(int, limit.groups())
            loss.score_limit.CopyFrom(VirtualModel.ScoreLimit(number=number, weights_version=version, at_most=at_most))
        losses.append(loss)
    return losses


_SCORE_LIMIT = re.compile(r":score-([1-4])<=(-?\d{1,7})@(\d{1,15})$")


def basis_points(percent: str) -> int:
    """Returns the hundredths of a percent in a text such as `0.5` or `0.5%`.

    Raises:
        ValueError: the text is no percentage with at most two decimals.
    """
    try:
        points = Decimal(percent.strip().removesuffix("%")) * 100
    except InvalidOperation:
        points = Decimal("NaN")
    if not points.is_finite() or points != points.to_integral_value():
        raise ValueError(f"{percent!r} is no percentage: write a number with at most two decimals, such as 0.5")
    return int(points)
