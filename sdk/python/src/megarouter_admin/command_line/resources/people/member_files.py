"""`megarouter members import` and `members export`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from megarouter.admin.v1.messages import (
    ImportMembersRequest,
    ListGroupsRequest,
    ListGuardrailsRequest,
    ListMembersRequest,
    MemberRow,
    MemberRowResult,
)

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.failures import may_have_worked
from megarouter_admin.command_line.parsing.commands import (
    BelowOption,
    GroupOption,
    UnknownModelsOption,
    YesOption,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.output import as_json
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.people.csv_tables import read_table, write_table
from megarouter_admin.command_line.resources.people.invite_files import invite_file
from megarouter_admin.command_line.resources.people.member_rows import (
    COLUMNS,
    REQUIRED,
    cells_of,
    group_paths,
    member_row,
)
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.errors import MegaRouterError

ROWS_PER_CALL: Final = 1_000
_ERROR, _NONE = MemberRowResult.ACTION_ERROR, MemberRowResult.ACTION_NONE
_TITLES: Final = {"budget_nano_credits": "budget", "requests_per_minute": "rpm", "model_whitelist": "models"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file and what becomes of it."""

    line: int
    row: MemberRow
    result: MemberRowResult
    has_name: bool = False


def _action(one: Line) -> str:
    return {"none": "nothing"}.get(text := label(MemberRowResult.Action.Name(one.result.action), "ACTION_"), text)


def _details(one: Line) -> str:
    if one.result.action == _ERROR:
        return one.result.message
    return ", ".join(map(_change, one.result.changes))


def _change(change: MemberRowResult.Change) -> str:
    before, after = (_value(change.field, text) for text in (change.before, change.after))
    title = _TITLES.get(change.field, change.field)
    return f"{title} {before} -> {after or 'none'}" if before else f"{title} {after}"


def _value(field: str, text: str) -> str:
    if (field == "budget_nano_credits" and text) or (field == "rollover" and text.isdecimal()):
        return format_credits(int(text))
    if field in {"role", "cycle"}:
        return label(text, "")
    return text


_COLUMNS: Final = (
    Column[Line]("line", lambda one: one.line, Kind.NUMBER),
    Column[Line]("address", lambda one: one.result.email),
    Column[Line]("does", _action),
    Column[Line]("what", _details),
)
_SECRETS: Final = (Column[Line]("invite", lambda one: one.result.link or one.result.token),)


def import_members(
    session: Session,
    file: Annotated[Path, Argument(metavar="FILE", text="A CSV file whose first line names the columns.")],
    *,
    dry_run: Annotated[bool, Option("--dry-run", text="Show what would happen, and change nothing.")] = False,
    create_groups: Annotated[bool, Option("--create-groups", text="Create groups that do not exist.")] = False,
    skip_errors: Annotated[
        bool, Option("--skip-errors", text="Leave out rows with errors instead of all rows.")
    ] = False,
    links_out: Annotated[
        Path | None,
        Option("--links-out", metavar="FILE", text="Add the invites to this CSV file, each as soon as it is made."),
    ] = None,
    allow_unknown_models: UnknownModelsOption = False,
    yes: YesOption = False,
) -> None:
    """Bring members to what a CSV file says: invite, move, and set roles and limits."""
    template = ImportMembersRequest(
        parent=session.organization, create_missing_groups=create_groups, allow_unknown_models=allow_unknown_models
    )
    lines = _read(file)
    lines = [*_rehearsed(session, template, lines)]
    errors = [one for one in lines if one.result.action == _ERROR]
    if dry_run or (errors and not skip_errors):
        _show(session, lines, secrets=False)
        if errors:
            raise CommandError(f"{len(errors):,} of {len(lines):,} rows have errors; nothing was changed")
        session.output.remark("nothing was changed: this was a dry run")
        return
    acting = sum(one.result.action not in {_ERROR, _NONE} for one in lines)
    if acting and not yes:
        if not session.output.json:
            _show(session, lines, secrets=False)
        confirm(f"Import {acting:,} rows?", yes=yes)
    _import(session, template, lines, links_out)
    if errors:
        raise CommandError(f"{len(errors):,} of {len(lines):,} rows have errors and were left out")


def _import(session: Session, template: ImportMembersRequest, lines: Sequence[Line], links_out: Path | None) -> None:
    """Carries out the lines and shows what became of them. Whatever ends it early, the invites made until then are shown.

    Raises:
        CommandError: a batch failed. The message says which lines are done.
        ValueError: the file for invites cannot be written. Nothing was changed.
    """
    done: list[Line] = []
    with ExitStack() as opened:
        keep = opened.enter_context(invite_file(links_out)) if links_out else None
        try:
            for batch in _carried_out(session, template, [one for one in lines if one.result.action != _ERROR]):
                done += batch
                if keep:
                    keep((one.result.email, one.result.link or one.result.token) for one in batch if one.result.token)
        finally:
            errors = [one for one in lines if one.result.action == _ERROR]
            if done or errors:
                _show(session, sorted([*done, *errors], key=lambda one: one.line), secrets=True)
            if any(one.result.token for one in done):
                session.output.remark(
                    "the invites are shown only once, and no e-mail is sent: share each with its address"
                )


def _read(file: Path) -> list[Line]:
    """Returns the lines of a file; those that cannot be read have an error already."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from error
    lines: list[Line] = []
    seen: dict[str, int] = {}
    for found in read_table(content, COLUMNS, REQUIRED):
        row, problem = MemberRow(email=found.cells.get(REQUIRED, "")), found.problem
        try:
            row = row if problem else member_row(found.cells)
        except ValueError as error:
            problem = str(error)
        address = row.email.lower()
        if address and address in seen and not problem:
            problem = f"address: is also on line {seen[address]}; keep one of them"
        seen.setdefault(address, found.line)
        result = MemberRowResult(email=row.email, message=problem)
        if problem:
            result.action, result.reason = _ERROR, "FIELD_INVALID"
        lines.append(Line(found.line, row, result, bool(found.cells.get("name"))))
    if not lines:
        raise ValueError(f"{file} has no rows after its header")
    return lines


def _rehearsed(session: Session, template: ImportMembersRequest, lines: Sequence[Line]) -> Iterator[Line]:
    """Yields all lines with what each would do."""
    readable = [one for one in lines if one.result.action != _ERROR]
    yield from (one for one in lines if one.result.action == _ERROR)
    rehearsal = ImportMembersRequest()
    rehearsal.CopyFrom(template)
    rehearsal.validate_only = True
    for number, batch in _batches(readable):
        yield from _answered(session, rehearsal, batch)
        _progress("checked", number + len(batch), len(readable))


def _carried_out(session: Session, template: ImportMembersRequest, lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Carries out the lines and yields them batch by batch, first those with nothing to do.

    Raises:
        CommandError: a batch failed. The message says which lines are done.
    """
    acting = [one for one in lines if one.result.action != _NONE]
    yield [one for one in lines if one.result.action == _NONE]
    for number, batch in _batches(acting):
        try:
            answered = [*_answered(session, template, batch)]
        except MegaRouterError as error:
            is_unknown = may_have_worked(error)
            if number == 0 and not is_unknown:
                raise
            raise CommandError(_failed(acting, number, batch, error, is_unknown=is_unknown)) from error
        yield answered
        _progress("imported", number + len(batch), len(acting))


def _failed(
    acting: Sequence[Line], number: int, batch: Sequence[Line], error: MegaRouterError, *, is_unknown: bool
) -> str:
    """Returns what is done and what to do after a batch failed. `is_unknown`: the service may have done it, but did not answer."""
    before = f"lines up to {acting[number - 1].line} are done, and " if number else ""
    again = "Run the command again; what is done changes nothing then"
    if not is_unknown:
        return f"{before}nothing from line {batch[0].line} on: {error.message} {again}"
    return (
        f"{before}lines {batch[0].line} to {batch[-1].line} may be done, because no answer came: {error.message} First revoke their"
        f" invites that `megarouter invites list` shows, because their links are lost. {again}"
    )


def _batches(lines: Sequence[Line]) -> Iterator[tuple[int, Sequence[Line]]]:
    for start in range(0, len(lines), ROWS_PER_CALL):
        yield start, lines[start : start + ROWS_PER_CALL]


def _answered(session: Session, template: ImportMembersRequest, batch: Sequence[Line]) -> Iterator[Line]:
    request = ImportMembersRequest()
    request.CopyFrom(template)
    request.rows.extend(one.row for one in batch)
    answer = session.router.members.ImportMembers(request)
    yield from (replace(one, result=result) for one, result in zip(batch, answer.results, strict=True))


def _progress(done: str, count: int, total: int) -> None:
    if total > ROWS_PER_CALL:
        print(f"{done} {count:,} of {total:,} rows", file=sys.stderr)


def _show(session: Session, lines: Sequence[Line], *, secrets: bool) -> None:
    ordered = sorted(lines, key=lambda one: one.line)
    if session.output.json:
        values: list[dict[str, Any]] = [{"line": one.line, **as_json(one.result)} for one in ordered]
        session.output.document(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
        return
    telling = [one for one in ordered if one.result.action != _NONE]
    with_secrets = secrets and any(one.result.token for one in telling)
    session.output.rows([*_COLUMNS, *(_SECRETS if with_secrets else ())], telling, "every row is as it says already")
    if any(one.has_name for one in telling):
        session.output.remark("names are not imported: they come from each person's sign-in")
    counts = Counter(map(_action, ordered))
    session.output.remark(
        ", ".join(f"{counts[action]:,} {action}" for action in ("invite", "change", "nothing", "error"))
    )


def export_members(
    session: Session,
    file: Annotated[
        Path | None, Option("--out", metavar="FILE", text="The file to write. Default: standard output.")
    ] = None,
    group: GroupOption = "",
    *,
    below: BelowOption = False,
) -> None:
    """Write members with role, group and limits as CSV, as `members import` reads it."""
    request = ListMembersRequest(
        parent=session.organization, group=session.group(group) if group else "", with_descendants=below
    )
    members = session.listed(session.router.members.ListMembers, request, "members", 0)
    groups = session.listed(
        session.router.groups.ListGroups, ListGroupsRequest(parent=session.organization), "groups", 0
    )
    limits = ListGuardrailsRequest(parent=session.organization, filter="scope_kind = MEMBER")
    guardrails = session.listed(session.router.guardrails.ListGuardrails, limits, "guardrails", 0)
    of_member = {guardrail.scope: guardrail for guardrail in guardrails}
    paths = group_paths(groups)
    written = [member for member in members if member.email]
    text = write_table(
        list(COLUMNS),
        (cells_of(member, of_member.get(member.name), paths.get(member.group, "")) for member in written),
    )
    if file is None:
        session.output.document(text)
    else:
        file.write_text(text, encoding="utf-8", newline="")
    if len(written) < len(members):
        session.output.remark(f"{len(members) - len(written):,} members have no e-mail address and are left out")
