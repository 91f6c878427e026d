"""The commands of `megarouter routing` about policies, and the explanation of a choice."""

import enum
from decimal import Decimal
from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    ExplainRoutingRequest,
    ExplainRoutingResponse,
    GetRoutingPolicyRequest,
    ModelDeployment,
    RoutingPolicy,
    UpdateRoutingPolicyRequest,
)

from megarouter_admin.command_line.named_callers import ask_for_caller
from megarouter_admin.command_line.parsing.commands import Section, command, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.routing.virtual_models import basis_points
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import policy_name, short_scope

application = Section()

ScopeArgument = Annotated[str, Argument(metavar="SCOPE", text="organization, groups/ID or keys/ID.")]
_WORDS = {
    "fits": "good enough",
    "not_offered": "not for this call",
    "lacks_capability": "cannot do it",
    "window_too_small": "window too small",
    "below_floor": "below the floor",
    "too_dear": "too dear",
    "loss_unknown": "not measured",
    "loss_too_high": "loss too high",
    "score_too_high": "score too high",
    "unhealthy": "fails at present",
}


class ModeChoice(enum.StrEnum):
    """The modes as people write them."""

    OFF = "off"
    SHADOW = "shadow"
    LIVE = "live"


def _percent(points: int) -> str:
    return f"{Decimal(points) / 100:f}%"


def _unset(policy: RoutingPolicy, usual: str) -> str:
    """Returns what applies if a policy leaves something out. Nothing is above the organization."""
    return f"{usual} (not set)" if policy.name.endswith("/organization") else "as above"


def _facts(session: Session, policy: RoutingPolicy) -> list[tuple[str, str]]:
    floors = (f"{one.use_case}: {label(RoutingPolicy.Tier.Name(one.tier), 'TIER_')}" for one in policy.floors)
    has_loss = policy.HasField("max_loss_basis_points")
    return [
        ("of", short_scope(policy.scope)),
        ("mode", label(RoutingPolicy.Mode.Name(policy.mode), "MODE_") if policy.mode else _unset(policy, "shadow")),
        ("loss at most", _percent(policy.max_loss_basis_points) if has_loss else _unset(policy, "1%")),
        ("floors", ", ".join(floors)),
        ("callers choose", "no" if policy.forbid_override else _unset(policy, "yes")),
        ("no dearer than", policy.max_price_model),
        ("held out", f"{policy.holdout_percent}%" if policy.HasField("holdout_percent") else _unset(policy, "5%")),
        ("cheaper from", f"{policy.degrade_at_percent}% of a budget" if policy.HasField("degrade_at_percent") else ""),
        ("changed", session.ago(policy.update_time)),
    ]


@command(application, "policy", "routing policy organization", "routing policy groups/research")
def show_policy(session: Session, scope: ScopeArgument) -> None:
    """Show what a scope says about routing."""
    name = policy_name(session.organization, session.scope(scope))
    found = session.router.routing_policies.GetRoutingPolicy(GetRoutingPolicyRequest(name=name))
    session.output.one(found, _facts(session, found))


@command(
    application,
    "set-policy",
    "routing set-policy organization --mode live --max-loss 1",
    "routing set-policy groups/legal --floor contracts:top --forbid-override",
    "routing set-policy groups/legal --clear",
)
def set_policy(
    session: Session,
    scope: ScopeArgument,
    mode: Annotated[ModeChoice | None, Option(metavar="MODE", text="off, shadow or live.")] = None,
    max_loss: Annotated[
        str, Option(metavar="PERCENT", text="How much worse than the baseline's the answers may be.")
    ] = "",
    floor: Annotated[
        list[str],
        Option("--floor", metavar="USE_CASE:TIER", text="The lowest tier: light, standard or top; may be repeated."),
    ] = [],  # noqa: B006 - never changed
    max_price_model: Annotated[str, Option(metavar="MODEL", text="A dearer model serves no routed call.")] = "",
    holdout: Annotated[
        int | None,
        Option(metavar="PERCENT", minimum=0, text="Share of conversations that the baseline serves for comparison."),
    ] = None,
    degrade_at: Annotated[
        int | None,
        Option(metavar="PERCENT", minimum=1, text="Share of a budget from which on a cheaper model serves."),
    ] = None,
    *,
    forbid_override: Annotated[bool, Option("--forbid-override", text="Callers may not choose by x-route.")] = False,
    clear: Annotated[bool, Option("--clear", text="Remove what is not given.")] = False,
) -> None:
    """Set what a scope says about routing. What is not given stays, unless --clear is."""
    policy = RoutingPolicy(
        name=policy_name(session.organization, session.scope(scope)),
        floors=[_floor(text) for text in floor],
        forbid_override=forbid_override,
        max_price_model=max_price_model,
    )
    if mode is not None:
        policy.mode = RoutingPolicy.Mode.Value(f"MODE_{mode.name}")
    if holdout is not None:
        policy.holdout_percent = holdout
    if degrade_at is not None:
        policy.degrade_at_percent = degrade_at
    if max_loss:
        policy.max_loss_basis_points = basis_points(max_loss)
    request = UpdateRoutingPolicyRequest(routing_policy=policy, update_mask=FieldMask(paths=["*"]) if clear else None)
    made = session.router.routing_policies.UpdateRoutingPolicy(request)
    session.output.one(made, _facts(session, made))


@command(
    application,
    "explain",
    "routing explain emma-default auto",
    "routing explain members/emma assistant --use-case summaries --body-bytes 200000",
)
def explain(
    session: Session,
    who: Annotated[
        str, Argument(metavar="KEY_OR_MEMBER", text="Id or name of a key or a member, or an e-mail address.")
    ],
    model: Annotated[str, Argument(metavar="NAME", text="The virtual model, as callers write it.")],
    use_case: Annotated[str, Option(metavar="USE_CASE", text="The tag use-case of the call.")] = "",
    max_output_tokens: Annotated[int, Option(metavar="N", minimum=0, text="Output limit of the call. 0: none.")] = 0,
    body_bytes: Annotated[int, Option(metavar="N", minimum=0, text="Size of the call's body.")] = 1000,
    images: Annotated[int, Option(metavar="N", minimum=0, text="Pictures in the body.")] = 0,
    score: Annotated[
        list[int], Option("--score", metavar="N", text="Score of the text; may be repeated, the first one first.")
    ] = [],  # noqa: B006 - never changed
    *,
    tools: Annotated[bool, Option("--tools", text="The body has tools.")] = False,
) -> None:
    """Explain which model would serve a call to a virtual model now, and why not another."""
    request = ExplainRoutingRequest(
        model_name=model, use_case=use_case, body_bytes=body_bytes, images=images, has_tools=tools, scores=score
    )
    if max_output_tokens:
        request.max_output_tokens = max_output_tokens
    answer = ask_for_caller(session, session.router.routing_policies.ExplainRouting, request, who)
    reason = answer.reason.replace("_", " ")
    served = f"{answer.served_model} ({answer.arm.lower()}: {reason})" if answer.passes else ""
    session.output.one(
        answer,
        [
            ("served by", served),
            ("at", _place(answer.served_deployment) if answer.HasField("served_deployment") else ""),
            ("error message", answer.message),
            ("chosen", answer.chosen_model if answer.chosen_model != answer.served_model else ""),
            ("mode", label(RoutingPolicy.Mode.Name(answer.mode), "MODE_")),
            ("loss at most", _percent(answer.max_loss_basis_points)),
            ("cheaper", _cheaper(answer)),
        ],
    )
    if not session.output.json:
        session.output.rows(_CANDIDATES, list(answer.candidates), "no candidates")


def _cheaper(answer: ExplainRoutingResponse) -> str:
    if not answer.degraded_models:
        return ""
    return f"{', then '.join(answer.degraded_models)} from {answer.degrade_at_percent}% of a budget"


_CANDIDATES = (
    Column[ExplainRoutingResponse.Candidate]("candidate", lambda one: one.model_name),
    Column[ExplainRoutingResponse.Candidate]("verdict", lambda one: _WORDS.get(one.verdict, one.verdict)),
    Column[ExplainRoutingResponse.Candidate](
        "loss", lambda one: _percent(one.loss_basis_points) if one.HasField("loss_basis_points") else "", Kind.MEASURE
    ),
    Column[ExplainRoutingResponse.Candidate](
        "expected cost",
        lambda one: format_credits(one.cost_nano_credits) if one.HasField("cost_nano_credits") else "",
        Kind.MEASURE,
    ),
    Column[ExplainRoutingResponse.Candidate](
        "deployments", lambda one: ", ".join(f"{_place(place)}{_state(place)}" for place in one.deployments)
    ),
)


def _place(deployment: ModelDeployment) -> str:
    return f"{deployment.provider.removeprefix('providers/')}/{deployment.upstream_name}"


def _state(deployment: ModelDeployment) -> str:
    return " (calls avoid it)" if deployment.state == ModelDeployment.STATE_LEFT else ""


def _floor(text: str) -> RoutingPolicy.Floor:
    use_case, _, tier = text.rpartition(":")
    if not use_case or tier not in {"light", "standard", "top"}:
        raise ValueError(
            f"{text!r} is no floor: write USE_CASE:TIER with light, standard or top, such as contracts:top"
        )
    return RoutingPolicy.Floor(use_case=use_case, tier=RoutingPolicy.Tier.Value(f"TIER_{tier.upper()}"))
