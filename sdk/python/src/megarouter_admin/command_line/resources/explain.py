"""The command `megarouter explain`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from megarouter.admin.v1.messages import (
    ExplainAccessRequest,
    ExplainAccessResponse,
    Guardrail,
    ModelBudgetUse,
    RateUse,
    ScopeAccess,
)

from megarouter_admin.command_line.named_callers import ask_for_caller
from megarouter_admin.command_line.parsing.commands import Section, command, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import short_name


@dataclass(frozen=True, slots=True)
class Line:
    """One limit that applies to the call. Numbers and amounts are formatted."""

    guardrail: str
    limits: str
    fits: bool
    limit: str = ""
    used: str = ""
    held: str = ""
    left: str = ""
    free_again: str = ""


_KINDS = {
    "organization": "organization",
    "group": "group",
    "member": "member",
    "serviceaccount": "service account",
    "apikey": "key",
}
"""What a guardrail limits, by the beginning of its id."""

alone = Section()
"""Commands outside every section."""

_COLUMNS = (
    Column[Line]("guardrail", lambda line: line.guardrail),
    Column[Line]("limits", lambda line: line.limits),
    Column[Line]("fits", lambda line: "yes" if line.fits else "no"),
    Column[Line]("limit", lambda line: line.limit, Kind.MEASURE),
    Column[Line]("used", lambda line: line.used, Kind.MEASURE),
    Column[Line]("held", lambda line: line.held, Kind.MEASURE),
    Column[Line]("left", lambda line: line.left, Kind.MEASURE),
    Column[Line]("free again", lambda line: line.free_again),
)


@command(alone, "explain", "explain emma-default gpt-4o", "explain members/emma gpt-4o --max-output-tokens 1000")
def explain(
    session: Session,
    who: Annotated[
        str, Argument(metavar="KEY_OR_MEMBER", text="Id or name of a key or a member, or an e-mail address.")
    ],
    model: Annotated[str, Argument(metavar="MODEL", text="Public name of the model.")],
    max_output_tokens: Annotated[int, Option(metavar="N", minimum=0, text="Output limit of the call. 0: none.")] = 0,
    body_bytes: Annotated[int, Option(metavar="N", minimum=0, text="Size of the call's body.")] = 1000,
) -> None:
    """Explain whether a call would pass now, what would stop it first, and how much is left at every scope."""
    request = ExplainAccessRequest(model_name=model, body_bytes=body_bytes)
    if max_output_tokens:
        request.max_output_tokens = max_output_tokens
    answer = ask_for_caller(session, session.router.guardrails.ExplainAccess, request, who)
    if session.output.json:
        session.output.one(answer, [])
        return
    session.output.one(
        answer,
        [
            ("answer", "the call passes" if answer.passes else f"refused: {answer.reason}"),
            ("error message", answer.message),
            ("stopped by", guardrail_label(answer.stopped_by, answer.stopped_by_display_name)),
            (
                "would hold",
                f"{format_credits(answer.amount_nano_credits)} credits" if answer.amount_nano_credits else "",
            ),
        ],
    )
    session.output.rows(_COLUMNS, list(lines_of(session, answer)), "no limits")


def lines_of(session: Session, answer: ExplainAccessResponse) -> Iterator[Line]:
    """Yields a line for every limit, from the narrowest scope to the widest, then one for the credit."""
    for scope in answer.scopes:
        lines = _of_scope(session, scope)
        yield from (replace(line, used="", held="", left="") for line in lines) if scope.figures_hidden else lines
    if answer.HasField("credit"):
        yield _budget(session, "", "credit", answer)


def guardrail_label(guardrail: str, display_name: str) -> str:
    """Returns a guardrail as people call it: `member Emma Rossi`. Without a name, as an older gateway answers, its own."""
    own = short_name(guardrail)
    if not display_name:
        return own
    kind = _KINDS.get(own.partition("-")[0], "")
    return f"{kind} {display_name}" if kind else own


def _of_scope(session: Session, scope: ScopeAccess) -> Iterator[Line]:
    name = guardrail_label(scope.guardrail, scope.scope_display_name)
    if scope.mode == Guardrail.MODE_SHADOW:
        name += " (shadow)"
    if scope.HasField("temporary_limit_end_time"):
        name += f" (temporary limits, end {session.ago(scope.temporary_limit_end_time)})"
    yield Line(name, "models", scope.model_allowed)
    if scope.HasField("budget"):
        yield _budget(session, name, "budget", scope)
    for of_models in scope.model_budgets:
        yield replace(_budget(session, name, "budget", of_models), limits=f"budget for {of_models.models}")
    for field in ("requests_per_minute", "tokens_per_minute", "concurrency"):
        if scope.HasField(field):
            yield _rate(session, name, field.replace("_", " "), getattr(scope, field))
    for use in scope.rate_limits:
        span = f"per {label(Guardrail.RateLimit.Unit.Name(use.unit), 'UNIT_')}" + (
            f" of {use.models}" if use.models else ""
        )
        if use.HasField("requests"):
            yield _rate(session, name, f"requests {span}", use.requests)
        if use.HasField("tokens"):
            yield _rate(session, name, f"tokens {span}", use.tokens)


def _rate(session: Session, guardrail: str, limits: str, use: RateUse) -> Line:
    return Line(
        guardrail,
        limits,
        use.fits,
        limit=f"{use.limit:,}",
        used=f"{use.used:,}",
        left=f"{use.remaining:,}",
        free_again=session.ago(use.reset_time),
    )


def _budget(
    session: Session, name: str, field: str, holder: ScopeAccess | ModelBudgetUse | ExplainAccessResponse
) -> Line:
    use = getattr(holder, field)
    limits = "budget (soft)" if use.soft_only else field
    limits += f", {format_credits(use.carried_nano_credits)} carried over" if use.carried_nano_credits else ""
    return Line(
        name,
        f"{limits}, threshold reached" if use.soft_threshold_reached else limits,
        use.fits,
        limit=format_credits(use.limit_nano_credits),
        used=format_credits(use.used_nano_credits),
        held=format_credits(use.held_nano_credits),
        left=format_credits(use.remaining_nano_credits),
        free_again=session.ago(use.reset_time),
    )
