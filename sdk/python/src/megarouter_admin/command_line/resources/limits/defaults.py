"""The commands `megarouter defaults`."""

import enum
from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    ApplyGuardrailDefaultRequest,
    ApplyGuardrailDefaultResponse,
    DefaultLimits,
    GetGuardrailDefaultRequest,
    Guardrail,
    GuardrailDefault,
    ListGuardrailDefaultsRequest,
    UpdateGuardrailDefaultRequest,
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
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.limits import (
    NONE,
    CycleChoice,
    Limits,
    change_of,
    format_rate,
    format_rollover,
)
from megarouter_admin.command_line.values.names import default_name, short_name, short_scope

application = Section()

PlaceArgument = Annotated[str, Argument(metavar="PLACE", text="organization or groups/ID.")]


class ForChoice(enum.StrEnum):
    """Whose guardrails begin with a default."""

    MEMBERS = "members"
    KEYS = "keys"


_FIELD_OF = {ForChoice.MEMBERS: "member_limits", ForChoice.KEYS: "key_limits"}


def _words(limits: DefaultLimits) -> str:
    """Formats limits in one line; empty without any."""
    words = []
    if limits.HasField("budget_nano_credits"):
        cycle = label(Guardrail.Cycle.Name(limits.cycle), "CYCLE_") or "never"
        carries = format_rollover(limits.rollover)
        words.append(
            f"{format_credits(limits.budget_nano_credits)} credits {cycle}"
            + (f", carries over {carries}" if carries else "")
        )
    words += [
        f"{getattr(limits, field):,} {unit}"
        for field, unit in (
            ("requests_per_minute", "requests/min"),
            ("tokens_per_minute", "tokens/min"),
            ("concurrency_limit", "concurrent"),
            ("key_limit", "keys"),
        )
        if limits.HasField(field)  # type: ignore[arg-type] # one of its fields
    ]
    words += map(format_rate, limits.rate_limits)
    if limits.HasField("model_whitelist"):
        words.append(f"models {', '.join(limits.model_whitelist.entries) or NONE}")
    return ", ".join(words)


_COLUMNS = (
    Column[GuardrailDefault]("of", lambda default: short_scope(default.scope)),
    Column[GuardrailDefault]("new members", lambda default: _words(default.member_limits)),
    Column[GuardrailDefault]("new keys", lambda default: _words(default.key_limits)),
)
_CHANGES = (
    Column[ApplyGuardrailDefaultResponse.Change]("guardrail", lambda change: short_name(change.guardrail)),
    Column[ApplyGuardrailDefaultResponse.Change]("member", lambda change: change.member_display_name),
    Column[ApplyGuardrailDefaultResponse.Change]("limits", lambda change: ", ".join(change.limits)),
)


def _show(session: Session, default: GuardrailDefault) -> None:
    session.output.one(
        default,
        [
            ("of", default.scope),
            ("new members", _words(default.member_limits) or "no limits from here"),
            ("new keys", _words(default.key_limits) or "no limits from here"),
        ],
    )


def _present(session: Session, place: str) -> GuardrailDefault:
    request = GetGuardrailDefaultRequest(name=default_name(session.organization, session.scope(place)))
    return session.router.guardrail_defaults.GetGuardrailDefault(request)


@command(application, "list", "defaults list")
def list_defaults(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the defaults of the organization and the groups."""
    request = ListGuardrailDefaultsRequest(parent=session.organization, filter=filter_text)
    listing = session.router.guardrail_defaults.ListGuardrailDefaults
    session.output.rows(_COLUMNS, session.listed(listing, request, "guardrail_defaults", limit), "no defaults")


@command(application, "show", "defaults show organization", "defaults show groups/engineering")
def show(session: Session, place: PlaceArgument) -> None:
    """Show what new members and keys of a place begin with, from this place alone."""
    _show(session, _present(session, place))


@command(
    application,
    "set",
    "defaults set groups/engineering --for members --budget 20 --cycle monthly --keys 3",
    "defaults set groups/engineering --for members --budget 20 --cycle monthly --rollover on",
    "defaults set organization --for keys --requests 60 --model openai/*",
    "defaults set organization --for keys --budget none",
)
def set_default(
    session: Session,
    place: PlaceArgument,
    newcomers: Annotated[ForChoice, Option("--for", text="Whose guardrails begin with it.")],
    budget: Annotated[str, Option(metavar="CREDITS", text="Maximum cost of the calls in a cycle, such as 25.50.")] = "",
    cycle: Annotated[CycleChoice | None, Option(text="How often the budget starts again.")] = None,
    rollover: Annotated[
        str, Option(metavar="CREDITS", text="Carry over what is left of the budget: on, or at most these credits.")
    ] = "",
    requests: Annotated[str, Option(metavar="N", text="Requests per minute.")] = "",
    tokens: Annotated[str, Option(metavar="N", text="Tokens per minute.")] = "",
    concurrency: Annotated[str, Option(metavar="N", text="Concurrent calls.")] = "",
    models: Annotated[
        list[str] | None, Option("--model", metavar="MODEL", text="Allowed model; may be repeated.")
    ] = None,
    rates: Annotated[
        list[str] | None, Option("--rate", metavar="RATE", text="Further rate limit; may be repeated.")
    ] = None,
    keys: Annotated[str, Option(metavar="N", text="Maximum number of API keys of a member.")] = "",
    *,
    allow_unknown_models: UnknownModelsOption = False,
    dry_run: Annotated[bool, Option("--dry-run", text="Only check, and show the result.")] = False,
) -> None:
    """Set what new members or keys begin with. Limits that are not named stay; `none` removes one. No one who is there changes."""
    given = Limits(
        budget=budget, requests=requests, tokens=tokens, concurrency=concurrency, keys=keys, cycle=cycle,
        models=models or [], rates=rates or [], rollover=rollover,
    )  # fmt: skip
    changed, paths = change_of(given)
    present, field = _present(session, place), _FIELD_OF[newcomers]
    limits = DefaultLimits()
    limits.CopyFrom(getattr(present, field))
    for path in [*paths, *(["cycle", "rollover"] if budget == NONE else [])]:
        limits.ClearField(path)  # type: ignore[arg-type] # one of its fields
    limits.MergeFromString(changed_limits(changed, paths).SerializeToString())
    asked = GuardrailDefault(name=present.name, etag=present.etag)
    if limits.ListFields():
        getattr(asked, field).CopyFrom(limits)
    request = UpdateGuardrailDefaultRequest(
        guardrail_default=asked,
        update_mask=FieldMask(paths=[field]),
        validate_only=dry_run,
        allow_unknown_models=allow_unknown_models,
    )
    _show(session, session.router.guardrail_defaults.UpdateGuardrailDefault(request))
    if dry_run:
        session.output.remark("nothing changed")


def changed_limits(changed: Guardrail, paths: list[str]) -> DefaultLimits:
    """Returns the named limits of a guardrail as limits of a default."""
    limits = DefaultLimits()
    for path in paths:
        value = getattr(changed, path)
        if path == "rate_limits":
            limits.rate_limits.extend(value)
        elif path == "cycle":
            limits.cycle = value
        elif changed.HasField(path):  # type: ignore[arg-type] # one of its fields
            if path == "model_whitelist":
                limits.model_whitelist.CopyFrom(value)
            elif path == "rollover":
                if value.enabled:
                    limits.rollover.CopyFrom(value)
            else:
                setattr(limits, path, value)
    return limits


@command(application, "apply", "defaults apply groups/engineering --dry-run", "defaults apply organization --yes")
def apply(
    session: Session,
    place: PlaceArgument,
    *,
    dry_run: Annotated[bool, Option("--dry-run", text="Only show whose limits would change.")] = False,
    yes: YesOption = False,
) -> None:
    """Copy the default of a place to the members and keys that are there. Limits that somebody set stay."""
    request = ApplyGuardrailDefaultRequest(
        name=default_name(session.organization, session.scope(place)), validate_only=True
    )
    serve = session.router.guardrail_defaults.ApplyGuardrailDefault
    answer = serve(request)
    if not dry_run and answer.changed_count:
        confirm(f"Change {answer.changed_count} guardrail{'' if answer.changed_count == 1 else 's'}?", yes=yes)
        request.validate_only = False
        answer = serve(request)
    session.output.rows(_CHANGES, list(answer.changes), "no guardrail changes")
    if answer.changed_count > len(answer.changes):
        session.output.remark(f"{answer.changed_count - len(answer.changes)} more change")
    if dry_run:
        session.output.remark("nothing changed")
