"""The command `megarouter verify`."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

from megarouter.admin.v1.messages import VerifyUsageReportRequest, VerifyUsageReportResponse

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Argument
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.resources.exports.attached_data import (
    NoDataError,
    attached_data,
    pages_without_signature,
)
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits

TIMEOUT_S: Final = 150.0
"""A report of a year is added up from the records themselves."""
_PAGES: Final = {
    VerifyUsageReportResponse.PAGES_SAME: "are what the data makes, byte for byte",
    VerifyUsageReportResponse.PAGES_DIFFERENT: "ARE NOT what the data makes: the file was altered",
    VerifyUsageReportResponse.PAGES_NOT_COMPARED: "were not compared: another release made them",
}

_SIGNATURES: Final = {
    VerifyUsageReportResponse.SIGNATURE_VALID: "is that of this deployment",
    VerifyUsageReportResponse.SIGNATURE_NONE: "none",
    VerifyUsageReportResponse.SIGNATURE_OTHER: "IS NOT that of this deployment's present key: a PDF reader shows whose it is",
    VerifyUsageReportResponse.SIGNATURE_NOT_COMPARED: "was not compared",
}

alone = Section()
"""Commands outside every section."""


@command(alone, "verify", "verify report.pdf")
def verify(
    session: Session, file: Annotated[str, Argument(metavar="FILE", text="A usage report as PDF, as it was exported.")]
) -> None:
    """Compare a usage report with the ledger, and show what has changed since. Fails if the report was altered."""
    try:
        pdf = Path(file).read_bytes()
        data = attached_data(pdf)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror or type(error).__name__}") from error
    except NoDataError as error:
        raise CommandError(
            f"{file} cannot be verified: {error}. Use the file as it was exported: programs that save a PDF change it."
        ) from error
    pages = pages_without_signature(pdf)
    answer = session.router.usage_reports.VerifyUsageReport(
        VerifyUsageReportRequest(
            name=session.organization,
            report=data,
            file_sha256=hashlib.sha256(pdf).hexdigest(),
            pages_sha256="" if pages is None else hashlib.sha256(pages).hexdigest(),
        ),
        timeout=TIMEOUT_S,
    )
    session.output.one(answer, _facts(answer))
    if answer.differences and not session.output.json:
        session.output.document("\n")
        session.output.rows(_COLUMNS, answer.differences, "")
        session.output.total(answer.differences, f"{len(answer.differences)} of {answer.difference_count} differences")
    if answer.verdict == VerifyUsageReportResponse.VERDICT_ALTERED:
        raise CommandError("the report was altered")


_COLUMNS: Final = [
    Column[VerifyUsageReportResponse.Difference]("field", lambda one: one.field),
    Column[VerifyUsageReportResponse.Difference]("report", lambda one: one.reported),
    Column[VerifyUsageReportResponse.Difference]("ledger", lambda one: one.recorded),
]


def _facts(answer: VerifyUsageReportResponse) -> list[tuple[str, str]]:
    changed = answer.present_charge_nano_credits - answer.charge_nano_credits
    return [
        ("figures", "ARE NOT what the ledger had" if answer.difference_count else "are what the ledger had"),
        ("pages", "" if answer.difference_count else _PAGES[answer.pages]),
        ("signature", "" if answer.difference_count else _SIGNATURES[answer.signature]),
        ("ledger position", f"{answer.ledger_position:,} (now {answer.present_ledger_position:,})"),
        ("late calls since", f"{answer.late_call_count:,}"),
        ("corrections since", f"{answer.correction_count:,}"),
        (
            "credits",
            format_credits(answer.charge_nano_credits)
            + (f" (now {format_credits(answer.present_charge_nano_credits)})" if changed else " (no change since)"),
        ),
    ]
