"""The command `megarouter usage export`."""

from pathlib import Path
from typing import Annotated

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.resources.exports.background import finish, start
from megarouter_admin.command_line.resources.exports.files import (
    Format,
    Paper,
    Wanted,
    write_calls,
    write_report,
)
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import FromOption, UntilOption
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language

application = Section()


@command(
    application,
    "export",
    "usage export --output calls.csv",
    "usage export --format pdf --since 2026-10-01 --until 2026-11-01 --output october.pdf",
    "usage export --background --since 365d --output year.csv",
    "usage export --format focus --group Product/Apps --output focus.csv",
)
def export(
    session: Session,
    output: Annotated[Path, Option("--output", metavar="FILE", text="The file. An existing one is replaced.")],
    since: FromOption = "",
    until: UntilOption = "",
    form: Annotated[
        Format, Option("--format", text="csv: a row for each call. focus: FOCUS 1.2. pdf: a report for people.")
    ] = Format.CSV,
    group: Annotated[str, Option("--group", metavar="GROUP", text="Only this group and everything below it.")] = "",
    language: Annotated[Language, Option("--language", text="Language of a report: en or zh.")] = Language.EN,
    paper: Annotated[Paper, Option("--paper", text="Paper of a report: a4 or letter.")] = Paper.A4,
    *,
    raw: Annotated[bool, Option("--raw", text="Do not protect text in CSV that looks like a formula.")] = False,
    background: Annotated[
        bool, Option("--background", text="Have the service make the file, and wait for it. For large exports.")
    ] = False,
) -> None:
    """Export what you may see of the organization's calls to a file: as CSV, as FOCUS 1.2, or as a report in PDF."""
    groups = [session.existing_group(group)] if group else []
    wanted = Wanted(output, period(session, since, until), groups)
    if background:
        finish(session, start(session, wanted, form, language, paper, raw=raw), output)
    elif form is Format.PDF:
        write_report(session, wanted, language, paper)
    else:
        write_calls(session, wanted, form, raw=raw)
