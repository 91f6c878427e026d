"""The command that exports usage to files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    ExportCallsRequest,
    ExportCallsResponse,
    ExportUsageReportRequest,
    ExportUsageReportResponse,
    Organization,
)
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.exports.files import Format, Paper
from megarouter_admin.command_line.resources.usage.exports import export
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language

from tests.unit.sdk.command_line.test_usage import NOW

PDF = b"%PDF-1.7 report"
PAGES = ("\ufeffa,b\r\n1,x\r\n", "2,y\r\n", "")


class Service:
    """Answers with three pages, or a report, and keeps the requests."""

    def __init__(self, fails_at: int = -1) -> None:
        self.asked: list[Any] = []
        self._fails_at = fails_at

    def ExportCalls(self, request: ExportCallsRequest, timeout: float) -> ExportCallsResponse:  # noqa: N802 - as the API
        assert timeout > 30
        self.asked.append(ExportCallsRequest.FromString(request.SerializeToString()))
        page = int(request.page_token or 0)
        if page == self._fails_at:
            raise RuntimeError("the service is gone")
        return ExportCallsResponse(
            content=PAGES[page],
            next_page_token=str(page + 1) if page < 2 else "",
            row_count=int(bool(PAGES[page])),
            last_sequence=3 * page + 3,
            ledger_position=12,
        )

    def ExportUsageReport(  # noqa: N802 - as the API
        self, request: ExportUsageReportRequest, timeout: float
    ) -> ExportUsageReportResponse:
        assert timeout > 60
        self.asked.append(request)
        return ExportUsageReportResponse(pdf=PDF, data_sha256="ab" * 32, ledger_position=7)


def opened(service: Service, *, as_json: bool = False) -> Session:
    router: Any = SimpleNamespace(
        usage_reports=service,
        organizations=SimpleNamespace(GetOrganization=lambda _: Organization(time_zone="Europe/Berlin")),
    )
    return Session(router, "acme", Output(json=as_json), NOW)


def names_in(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pages_are_joined_byte_by_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service, file = Service(), tmp_path / "calls.csv"
    export(
        opened(service), file, since="2026-10-01", until="2026-11-01", form=Format.FOCUS, group="groups/eng", raw=True
    )
    assert file.read_bytes() == "".join(PAGES).encode()
    assert names_in(tmp_path) == ["calls.csv"]
    assert [request.page_token for request in service.asked] == ["", "1", "2"]
    for request in service.asked:
        assert (request.format, request.raw, list(request.usage_filter.groups)) == (
            2,
            True,
            ["organizations/acme/groups/eng"],
        )
        assert request.time_range.start_time.ToJsonString() == "2026-09-30T22:00:00Z"
    printed = capsys.readouterr()
    assert printed.err == f"Wrote {file}: 2 rows, as of ledger position 12.\n"
    assert printed.out == ""


def test_a_bar_is_shown_on_a_terminal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    export(opened(Service()), tmp_path / "calls.csv")
    shown = capsys.readouterr().err.split("\r")
    assert shown[1:4] == [
        f"{'█' * 8}{'░' * 22}  25% 1 rows\x1b[K",
        f"{'█' * 15}{'░' * 15}  50% 2 rows\x1b[K",
        f"{'█' * 22}{'░' * 8}  75% 2 rows\x1b[K",
    ]


def test_an_export_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("older")
    with pytest.raises(RuntimeError, match="the service is gone"):
        export(opened(Service(fails_at=1)), file)
    assert (file.read_text(), names_in(tmp_path)) == ("older", ["calls.csv"])


def test_a_report_is_written_with_its_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service, file = Service(), tmp_path / "usage.pdf"
    export(opened(service), file, form=Format.PDF, group="groups/eng", language=Language.ZH, paper=Paper.LETTER)
    assert file.read_bytes() == PDF
    (request,) = service.asked
    assert (request.language, request.paper, list(request.usage_filter.groups)) == (
        2,
        2,
        ["organizations/acme/groups/eng"],
    )
    printed = capsys.readouterr()
    assert "may still grow" in printed.err
    assert f"`megarouter verify {file}`" in printed.err


@pytest.mark.parametrize(
    ("form", "field", "value"), [(Format.CSV, "rowCount", "2"), (Format.PDF, "dataSha256", "ab" * 32)]
)
def test_programs_get_what_the_file_is_true_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: Format, field: str, value: str
) -> None:
    export(opened(Service(), as_json=True), tmp_path / "file", form=form)
    answer = json.loads(capsys.readouterr().out)
    assert answer[field] == value
    assert "".join((answer.get("pdf", ""), answer.get("content", ""))) == ""


@pytest.mark.parametrize("form", Format)
def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path, form: Format) -> None:
    with pytest.raises(CommandError, match=r"cannot write .*No such file or directory"):
        export(opened(Service()), tmp_path / "missing" / "file", form=form)
