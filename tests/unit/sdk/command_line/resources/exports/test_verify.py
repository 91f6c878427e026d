"""The command that verifies a report: what it reads from the file, and what it says."""

import hashlib
import json
import re
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import VerifyUsageReportRequest, VerifyUsageReportResponse
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.exports.attached_data import NoDataError, attached_data
from megarouter_admin.command_line.resources.exports.verify import verify
from megarouter_admin.command_line.session import Session

from admin_service.analytics.reports.worker import make_pdf
from admin_service.analytics.signatures.keys import load_signing_key
from admin_service.analytics.signatures.signing import sign_pdf
from tests.support.data.sample_reports import HARD_NAMES, sample_report
from tests.support.signing_files import signing_files_in
from tests.unit.sdk.command_line.test_usage import NOW

ANSWER = VerifyUsageReportResponse(
    verdict=VerifyUsageReportResponse.VERDICT_CHANGED_SINCE,
    pages=VerifyUsageReportResponse.PAGES_SAME,
    ledger_position=1_000,
    present_ledger_position=1_234,
    late_call_count=12,
    correction_count=3,
    charge_nano_credits=5 * 10**9,
    present_charge_nano_credits=6 * 10**9,
    signature=VerifyUsageReportResponse.SIGNATURE_NONE,
)
REPORT = sample_report(names=HARD_NAMES)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return make_pdf(REPORT)


def opened(answer: VerifyUsageReportResponse = ANSWER, *, as_json: bool = False) -> tuple[Session, list[Any]]:
    asked: list[Any] = []

    def answered(request: VerifyUsageReportRequest, timeout: float) -> VerifyUsageReportResponse:
        asked.append(request)
        assert timeout > 60
        return answer

    router: Any = SimpleNamespace(usage_reports=SimpleNamespace(VerifyUsageReport=answered))
    return Session(router, "acme", Output(json=as_json), NOW), asked


def test_the_data_and_the_hash_of_the_file_are_sent(
    pdf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf)
    session, asked = opened()
    verify(session, str(file))
    assert asked[0].report == REPORT.canonical()
    assert asked[0].pages_sha256 == ""
    assert (asked[0].name, asked[0].file_sha256) == ("organizations/acme", hashlib.sha256(pdf).hexdigest())
    lines = [line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "are what the ledger had", "are what the data makes, byte for byte", "none", "1,000 (now 1,234)", "12", "3",
        "5.00 (now 6.00)",
    ]  # fmt: skip


def test_the_pages_of_a_signed_report_are_hashed_by_themselves(
    pdf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = load_signing_key(signing_files_in(tmp_path), NOW)
    file = tmp_path / "report.pdf"
    file.write_bytes(sign_pdf(pdf, key, NOW))
    answer = VerifyUsageReportResponse()
    answer.CopyFrom(ANSWER)
    answer.signature = VerifyUsageReportResponse.SIGNATURE_OTHER
    session, asked = opened(answer)
    verify(session, str(file))
    assert asked[0].report == REPORT.canonical()
    assert asked[0].pages_sha256 == hashlib.sha256(pdf).hexdigest()
    assert "IS NOT that of this deployment's present key" in capsys.readouterr().out


def test_an_altered_report_fails_and_names_the_fields(
    pdf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf)
    difference = VerifyUsageReportResponse.Difference(field="total.charge", reported="1", recorded="2")
    answer = VerifyUsageReportResponse(
        verdict=VerifyUsageReportResponse.VERDICT_ALTERED,
        pages=VerifyUsageReportResponse.PAGES_NOT_COMPARED,
        differences=[difference],
        difference_count=1,
    )
    with pytest.raises(CommandError, match="the report was altered"):
        verify(opened(answer)[0], str(file))
    text = capsys.readouterr().out
    assert "ARE NOT what the ledger had" in text
    assert re.search(r"total\.charge +1 +2", text)
    with pytest.raises(CommandError, match="the report was altered"):
        verify(opened(answer, as_json=True)[0], str(file))
    assert json.loads(capsys.readouterr().out)["verdict"] == "VERDICT_ALTERED"


def test_a_file_without_data_says_so(tmp_path: Path) -> None:
    file = tmp_path / "other.pdf"
    with pytest.raises(CommandError, match="No such file"):
        verify(opened()[0], str(file))
    file.write_bytes(b"%PDF-1.7 other")
    with pytest.raises(CommandError, match=r"has no report\.json .*Use the file as it was exported"):
        verify(opened()[0], str(file))


def test_one_altered_byte_of_the_data_is_found_before_anything_is_sent(pdf: bytes) -> None:
    start = pdf.index(b"stream\n", pdf.index(b"application#2Fjson")) + 7
    end = pdf.index(b"\nendstream", start)
    assert attached_data(pdf) == zlib.decompress(pdf[start:end])
    unreadable = 0
    for at in range(start, end, 97):
        altered = pdf[:at] + bytes([pdf[at] ^ 0x10]) + pdf[at + 1 :]
        with pytest.raises(NoDataError):
            attached_data(altered)
        unreadable += 1
    assert unreadable > 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.7",
        b"%PDF-/UF(report.json)/EF<</F 1 0 R",
        b"%PDF-/UF(report.json)/EF<</F 1 0 R\n1 0 obj\n<<>>\nstream\n",
    ],
)
def test_odd_files_have_no_data(data: bytes) -> None:
    with pytest.raises(NoDataError):
        attached_data(data)


def test_data_that_expands_without_end_is_refused() -> None:
    head = b"%PDF-/UF(report.json)/EF<</F 1 0 R\n1 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode>>\nstream\n"
    with pytest.raises(NoDataError, match="more than 3,500,000 bytes"):
        attached_data(head + zlib.compress(bytes(50_000_000)))
