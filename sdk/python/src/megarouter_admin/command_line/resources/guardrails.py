"""The commands `megarouter guardrails`."""

from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    DeleteGuardrailRequest,
    GetGuardrailRequest,
    Guardrail,
    ListGuardrailsRequest,
    ResetGuardrailRequest,
    UpdateGuardrailRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    UnknownModelsOption,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits, share
from megarouter_admin.command_line.values.limits import (
    NONE,
    CycleChoice,
    Limits,
    ModeChoice,
    change_of,
    format_model_budget,
    format_rate,
    format_rollover,
    format_soft_budget,
    format_temporary,
    temporary_of,
)
from megarouter_admin.command_line.values.names import guardrail_name, short_name, short_scope
from megarouter_admin.command_line.values.times import moment_of, parse_moment, timestamp

application = Section()

ScopeArgument = Annotated[
    str,
    Argument(
        metavar="SCOPE", text="organization, groups/ID, members/ID, service-accounts/ID, keys/ID, or a guardrail's id."
    ),
]


def _optional(guardrail: Guardrail, field: str) -> int | None:
    return int(getattr(guardrail, field)) if guardrail.HasField(field) else None  # type: ignore[arg-type] # `field` is one of its fields


def _number(guardrail: Guardrail, field: str) -> str:
    value = _optional(guardrail, field)
    return "" if value is None else f"{value:,}"


def _cycle(guardrail: Guardrail) -> str:
    return label(Guardrail.Cycle.Name(guardrail.cycle), "CYCLE_")


def _budget(guardrail: Guardrail) -> int | None:
    """Returns what the cycle may cost, with what is carried into it."""
    budget = _optional(guardrail, "budget_nano_credits")
    return None if budget is None else budget + guardrail.carried_nano_credits


def _models(guardrail: Guardrail) -> str:
    return (", ".join(guardrail.model_whitelist.entries) or NONE) if guardrail.HasField("model_whitelist") else ""


def _rates(guardrail: Guardrail) -> str:
    return ", ".join(map(format_rate, guardrail.rate_limits))


def _mode(guardrail: Guardrail) -> str:
    return label(Guardrail.Mode.Name(guardrail.mode), "MODE_")


def _left(guardrail: Guardrail, budget: Guardrail.ModelBudget) -> str:
    left = format_credits(budget.remaining_nano_credits)
    return "" if guardrail.figures_hidden else f", {format_credits(budget.spent_nano_credits)} spent, {left} remaining"


def _soft(guardrail: Guardrail) -> str:
    """Returns when the budget is reported, and whether it is now."""
    text = format_soft_budget(guardrail.soft_budget)
    return f"{text} (reached)" if guardrail.soft_budget_reached else text


def _temporary(session: Session, guardrail: Guardrail) -> str:
    if not guardrail.HasField("temporary_limit"):
        return ""
    limit = guardrail.temporary_limit
    end = moment_of(limit.end_time).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{', '.join(format_temporary(limit))} until {end} ({session.ago(limit.end_time)})"


_COLUMNS = (
    Column[Guardrail]("guardrail", lambda guardrail: short_name(guardrail.name)),
    Column[Guardrail]("of", lambda guardrail: guardrail.scope_display_name),
    Column[Guardrail](
        "spent",
        lambda guardrail: None if guardrail.figures_hidden else guardrail.spent_nano_credits,
        Kind.AMOUNT,
    ),
    Column[Guardrail]("budget", _budget, Kind.AMOUNT),
    Column[Guardrail](
        "used",
        lambda guardrail: share(
            guardrail.spent_nano_credits,
            0 if guardrail.figures_hidden else _budget(guardrail) or 0,
        ),
        Kind.MEASURE,
    ),
    Column[Guardrail]("reported", _soft),
    Column[Guardrail](
        "for models",
        lambda guardrail: ", ".join(
            f"{one.models}={format_credits(one.budget_nano_credits)}" for one in guardrail.model_budgets
        ),
    ),
    Column[Guardrail](
        "cycle",
        lambda guardrail: _cycle(guardrail) + (", carries over" if guardrail.rollover.enabled else ""),
    ),
    Column[Guardrail]("requests/min", lambda guardrail: _optional(guardrail, "requests_per_minute"), Kind.NUMBER),
    Column[Guardrail]("tokens/min", lambda guardrail: _optional(guardrail, "tokens_per_minute"), Kind.NUMBER),
    Column[Guardrail]("concurrent", lambda guardrail: _optional(guardrail, "concurrency_limit"), Kind.NUMBER),
    Column[Guardrail]("rates", _rates),
    Column[Guardrail]("keys", lambda guardrail: _optional(guardrail, "key_limit"), Kind.NUMBER),
    Column[Guardrail]("seats", lambda guardrail: _optional(guardrail, "seat_limit"), Kind.NUMBER),
    Column[Guardrail]("models", _models),
    Column[Guardrail]("mode", _mode),
    Column[Guardrail](
        "temporary",
        lambda guardrail: (
            ", ".join(format_temporary(guardrail.temporary_limit)) if guardrail.HasField("temporary_limit") else ""
        ),
    ),
)


def _figure(guardrail: Guardrail, nano_credits: int) -> str:
    """Returns an amount, or an empty text if the caller may not read it."""
    return "" if guardrail.figures_hidden else format_credits(nano_credits)


def _carried(guardrail: Guardrail) -> str:
    return _figure(guardrail, guardrail.carried_nano_credits) if guardrail.rollover.enabled else ""


def _show(session: Session, guardrail: Guardrail) -> None:
    budget, remaining = (_optional(guardrail, field) for field in ("budget_nano_credits", "remaining_nano_credits"))
    session.output.one(
        guardrail,
        [
            ("guardrail", guardrail.name),
            ("of", f"{guardrail.scope_display_name} ({guardrail.scope})".removeprefix(" ")),
            ("mode", _mode(guardrail)),
            ("budget", "none" if budget is None else f"{format_credits(budget)} {_cycle(guardrail)}"),
            *(
                (f"for {one.models}", f"{format_model_budget(one)}{_left(guardrail, one)}")
                for one in guardrail.model_budgets
            ),
            ("carries over", format_rollover(guardrail.rollover)),
            ("carried", _carried(guardrail)),
            ("reported", _soft(guardrail)),
            ("spent", _figure(guardrail, guardrail.spent_nano_credits)),
            ("held", _figure(guardrail, guardrail.held_nano_credits)),
            ("remaining", "" if remaining is None else format_credits(remaining)),
            ("last reset", session.ago(guardrail.reset_time)),
            ("next cycle", session.ago(guardrail.period_end_time)),
            ("calls", "" if guardrail.figures_hidden else f"{guardrail.call_count:,}"),
            ("requests/min", _number(guardrail, "requests_per_minute")),
            ("tokens/min", _number(guardrail, "tokens_per_minute")),
            ("concurrent", _number(guardrail, "concurrency_limit")),
            ("rates", _rates(guardrail)),
            ("temporary", _temporary(session, guardrail)),
            ("by default", ", ".join(f"{one.limit} of {short_scope(one.scope)}" for one in guardrail.default_origins)),
            ("models", _models(guardrail)),
            ("keys", _number(guardrail, "key_limit")),
            ("seats", _number(guardrail, "seat_limit")),
            ("would have refused", f"{guardrail.shadow_refusal_count:,}" if guardrail.shadow_refusal_count else ""),
        ],
    )


@command(application, "list", "guardrails list", "guardrails list --filter 'scope_kind = GROUP'")
def list_guardrails(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the guardrails that were ever set."""
    request = ListGuardrailsRequest(parent=session.organization, filter=filter_text)
    guardrails = session.listed(session.router.guardrails.ListGuardrails, request, "guardrails", limit)
    session.output.rows(_COLUMNS, guardrails, "no guardrails")


@command(
    application,
    "show",
    "guardrails show organization",
    "guardrails show groups/engineering",
    "guardrails show keys/emma-default",
)
def show(session: Session, scope: ScopeArgument) -> None:
    """Show the guardrail of a scope, with the spend of the current cycle."""
    _show(session, _present(session, scope))


def _present(session: Session, scope: str) -> Guardrail:
    request = GetGuardrailRequest(name=guardrail_name(session.organization, session.scope(scope)))
    return session.router.guardrails.GetGuardrail(request)


@command(
    application,
    "set",
    "guardrails set groups/engineering --budget 25.50 --cycle monthly",
    "guardrails set members/emma --requests 60 --concurrency 4 --keys 5",
    "guardrails set organization --model openai/* --model claude-haiku-4-5 --mode shadow",
    "guardrails set groups/engineering --rate 1000/day --rate openai/*=50000tokens/minute",
    "guardrails set groups/engineering --budget 100 --soft 80%",
    "guardrails set groups/engineering --budget 100 --cycle monthly --rollover on",
    "guardrails set groups/engineering --model-budget openai/*=50 --model-budget claude-opus-4-1=20",
    "guardrails set groups/engineering --model-budget openai/*=5,daily,soft=80%,rollover=on",
    "guardrails set groups/engineering --budget none --soft none",
)
def set_limits(
    session: Session,
    scope: ScopeArgument,
    budget: Annotated[str, Option(metavar="CREDITS", text="Maximum cost of the calls in a cycle, such as 25.50.")] = "",
    cycle: Annotated[CycleChoice | None, Option(text="How often the budget starts again.")] = None,
    mode: Annotated[ModeChoice | None, Option(text="Refuse calls, or only count those it would refuse.")] = None,
    requests: Annotated[str, Option(metavar="N", text="Requests per minute.")] = "",
    tokens: Annotated[str, Option(metavar="N", text="Tokens per minute.")] = "",
    concurrency: Annotated[str, Option(metavar="N", text="Concurrent calls.")] = "",
    models: Annotated[
        list[str] | None,
        Option(
            "--model", metavar="MODEL", text="Allowed model: gpt-4o-mini, or openai/* for a provider; may be repeated."
        ),
    ] = None,
    model_budgets: Annotated[
        list[str] | None,
        Option(
            "--model-budget",
            metavar="MODELS=CREDITS",
            text="Budget for some models, such as openai/*=50 or openai/*=5,daily,soft=80%,rollover=on; may be repeated.",
        ),
    ] = None,
    soft: Annotated[
        str, Option(metavar="WHEN", text="When the budget is reported: 80%, an amount such as 20.00, or none.")
    ] = "",
    rollover: Annotated[
        str,
        Option(
            metavar="MOST",
            text="Carry what is left into the next cycle: on for at most one cycle's budget, an amount, or none.",
        ),
    ] = "",
    rates: Annotated[
        list[str] | None,
        Option(
            "--rate",
            metavar="RATE",
            text="Further rate limit, such as 1000/day or openai/*=50000tokens/minute; may be repeated.",
        ),
    ] = None,
    keys: Annotated[str, Option(metavar="N", text="Maximum number of API keys.")] = "",
    seats: Annotated[str, Option(metavar="N", text="Maximum number of members.")] = "",
    *,
    soft_only: Annotated[bool, Option("--soft-only", text="Let calls beyond the budget pass.")] = False,
    allow_unknown_models: UnknownModelsOption = False,
    dry_run: Annotated[bool, Option("--dry-run", text="Only check, and show the result.")] = False,
) -> None:
    """Set limits of a scope. Limits that are not named stay; `none` removes one."""
    limits = Limits(
        budget=budget, requests=requests, tokens=tokens, concurrency=concurrency, keys=keys, seats=seats,
        cycle=cycle, mode=mode, models=models or [], rates=rates or [],
        soft=soft, soft_only=soft_only, model_budgets=model_budgets or [], rollover=rollover,
    )  # fmt: skip
    changed, paths = change_of(limits)
    present = _present(session, scope)
    changed.name, changed.etag = present.name, present.etag
    request = UpdateGuardrailRequest(
        guardrail=changed,
        update_mask=FieldMask(paths=paths),
        validate_only=dry_run,
        allow_unknown_models=allow_unknown_models,
    )
    _show(session, session.router.guardrails.UpdateGuardrail(request))
    if dry_run:
        session.output.remark("nothing changed")


@command(
    application,
    "temporary",
    "guardrails temporary groups/engineering --budget 100 --until 12h",
    "guardrails temporary keys/emma-default --requests 600 --tokens 500000 --until 2026-12-31T18:00:00Z",
    "guardrails temporary groups/engineering --end",
)
def set_temporary(
    session: Session,
    scope: ScopeArgument,
    until: Annotated[str, Option(metavar="WHEN", text="When it ends: a time, or a duration from now (12h).")] = "",
    budget: Annotated[str, Option(metavar="CREDITS", text="Maximum cost of the calls in a cycle, such as 25.50.")] = "",
    requests: Annotated[str, Option(metavar="N", text="Requests per minute.")] = "",
    tokens: Annotated[str, Option(metavar="N", text="Tokens per minute.")] = "",
    concurrency: Annotated[str, Option(metavar="N", text="Concurrent calls.")] = "",
    *,
    end: Annotated[bool, Option("--end", text="End the temporary limits now.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", text="Only check, and show the result.")] = False,
) -> None:
    """Set limits of a scope until a time, higher or lower; after it the scope's own apply again. Replaces earlier ones."""
    limits = Limits(budget=budget, requests=requests, tokens=tokens, concurrency=concurrency)
    changed = Guardrail()
    if not end:
        if not until:
            raise ValueError("say when it ends: --until 12h")
        changed.temporary_limit.CopyFrom(temporary_of(limits, timestamp(parse_moment(until, session.now))))
    elif until or limits != Limits():
        raise ValueError("--end takes no limits")
    present = _present(session, scope)
    changed.name, changed.etag = present.name, present.etag
    request = UpdateGuardrailRequest(
        guardrail=changed, update_mask=FieldMask(paths=["temporary_limit"]), validate_only=dry_run
    )
    _show(session, session.router.guardrails.UpdateGuardrail(request))
    if dry_run:
        session.output.remark("nothing changed")


@command(application, "clear", "guardrails clear groups/engineering --yes")
def clear(session: Session, scope: ScopeArgument, *, yes: YesOption = False) -> None:
    """Remove every limit of a scope. The spend stays."""
    name = guardrail_name(session.organization, session.scope(scope))
    confirm(f"Remove every limit of {name}?", yes=yes)
    _show(session, session.router.guardrails.DeleteGuardrail(DeleteGuardrailRequest(name=name)))


@command(application, "reset", "guardrails reset groups/engineering --yes")
def reset(session: Session, scope: ScopeArgument, *, yes: YesOption = False) -> None:
    """Begin a new period of the budget now, with a spend of 0. The next period begins as before."""
    name = guardrail_name(session.organization, session.scope(scope))
    confirm(f"Start the spend of {name} at 0?", yes=yes)
    _show(session, session.router.guardrails.ResetGuardrail(ResetGuardrailRequest(name=name)))
