"""The commands about exports that the service makes."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from megarouter.admin.v1.messages import (
    CancelUsageExportRequest,
    DownloadUsageExportRequest,
    DownloadUsageExportResponse,
    ExportUsageRequest,
    GetUsageExportRequest,
    ListUsageExportsRequest,
    ListUsageExportsResponse,
    Organization,
    UsageExport,
    UsageExportFormat,
)
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.exports import background
from megarouter_admin.command_line.resources.exports.files import Format
from megarouter_admin.command_line.resources.exports.made import cancel, download_export, list_exports, show
from megarouter_admin.command_line.resources.usage.exports import export
from megarouter_admin.command_line.session import Session
from megarouter_admin.errors import MegaRouterError

from tests.unit.sdk.command_line.test_usage import NOW

PARTS = (b"a,b\r\n", b"1,2\r\n")
NAME = "organizations/acme/usageExports/export-1"


class Service:
    """An export that waits, runs and then ends."""

    def __init__(self, state: "UsageExport.State.ValueType" = UsageExport.STATE_SUCCEEDED, digest: bytes = b"") -> None:
        self.asked: list[Any] = []
        sha256 = hashlib.sha256(digest or b"".join(PARTS)).hexdigest()
        message = "Choose a shorter period." if state == UsageExport.STATE_FAILED else ""
        self._states: Iterator[UsageExport] = iter(
            [
                UsageExport(name=NAME, state=UsageExport.STATE_RUNNING, progress_percent=40, row_count=4_000),
                UsageExport(
                    name=NAME, state=state, part_count=2, size_bytes=10, row_count=9_000, sha256=sha256, ledger_position=77,
                    error_message=message, format=UsageExportFormat.USAGE_EXPORT_FORMAT_FOCUS,
                ),
            ]
        )  # fmt: skip

    def ExportUsage(self, request: ExportUsageRequest) -> UsageExport:  # noqa: N802 - as the API
        self.asked.append(request)
        return UsageExport(name=NAME, state=UsageExport.STATE_QUEUED)

    def GetUsageExport(self, request: GetUsageExportRequest) -> UsageExport:  # noqa: N802 - as the API
        assert request.name == NAME
        return next(self._states)

    def ListUsageExports(self, request: ListUsageExportsRequest) -> ListUsageExportsResponse:  # noqa: N802 - as the API
        assert request.parent == "organizations/acme"
        return ListUsageExportsResponse(usage_exports=list(self._states))

    def CancelUsageExport(self, request: CancelUsageExportRequest) -> UsageExport:  # noqa: N802 - as the API
        return UsageExport(name=request.name, state=UsageExport.STATE_CANCELED)

    def DownloadUsageExport(  # noqa: N802 - as the API
        self, request: DownloadUsageExportRequest
    ) -> DownloadUsageExportResponse:
        return DownloadUsageExportResponse(content=PARTS[request.part], part_count=2)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(background.time, "sleep", taken.append)  # type: ignore[attr-defined] # the module's own import
    return taken


def opened(service: Service, *, as_json: bool = False) -> Session:
    router: Any = SimpleNamespace(
        usage_exports=service,
        organizations=SimpleNamespace(GetOrganization=lambda _: Organization(time_zone="Europe/Berlin")),
    )
    return Session(router, "acme", Output(json=as_json), NOW)


def test_a_file_is_made_by_the_service_and_then_downloaded_with_a_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    service, file = Service(), tmp_path / "calls.csv"
    export(opened(service), file, since="2026-10-01", form=Format.FOCUS, raw=True, background=True)
    assert file.read_bytes() == b"".join(PARTS)
    (request,) = service.asked
    assert (request.parent, request.format, request.raw) == ("organizations/acme", 2, True)
    assert request.time_range.start_time.ToJsonString() == "2026-09-30T22:00:00Z"
    assert pauses == [0.5, 0.75]
    shown = capsys.readouterr().err.split("\r")
    assert shown[1:3] == [f"{'░' * 30}   0% waiting\x1b[K", f"{'█' * 12}{'░' * 18}  40% 4,000 rows\x1b[K"]
    assert shown[-1].endswith(f"Wrote {file}: 9,000 rows, as of ledger position 77.\n")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (Service(UsageExport.STATE_FAILED), "export-1 has no file: Choose a shorter period."),
        (Service(UsageExport.STATE_CANCELED), "export-1 has no file: it is canceled"),
        (Service(digest=b"other"), "did not arrive whole"),
    ],
)
def test_without_a_whole_file_there_is_none(tmp_path: Path, service: Service, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        export(opened(service), tmp_path / "calls.csv", background=True)
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_wait_learns_how_to_get_the_file_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(background.time, "sleep", interrupt)  # type: ignore[attr-defined] # the module's own import
    file = tmp_path / "calls.csv"
    with pytest.raises(KeyboardInterrupt):
        export(opened(Service()), file, background=True)
    assert f"megarouter exports download export-1 --output {file}" in capsys.readouterr().err
    monkeypatch.setattr(background.time, "sleep", lambda _: None)  # type: ignore[attr-defined] # the module's own import
    download_export(opened(Service()), "export-1", file)
    assert file.read_bytes() == b"".join(PARTS)


def test_a_restart_of_the_service_does_not_end_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    service, get = Service(), Service.GetUsageExport
    failures = iter([grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE])

    def restarting(request: GetUsageExportRequest) -> UsageExport:
        for code in failures:
            raise MegaRouterError(code, "no connection")
        return get(service, request)

    monkeypatch.setattr(service, "GetUsageExport", restarting)
    export(opened(service), tmp_path / "calls.csv", background=True)
    assert pauses == [0.5, 5.0, 5.0, 0.75]
    denied = Service()
    failures = iter([grpc.StatusCode.PERMISSION_DENIED])
    monkeypatch.setattr(denied, "GetUsageExport", restarting)
    with pytest.raises(MegaRouterError, match="PERMISSION_DENIED"):
        export(opened(denied), tmp_path / "other.csv", background=True)


def test_exports_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    list_exports(opened(Service()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["export", "format", "state", "rows", "bytes", "started", "why"]
    assert "running, 40%" in lines[1]
    assert "focus   succeeded" in lines[2]
    show(opened(Service()), "export-1")
    assert "running, 40%" in capsys.readouterr().out
    cancel(opened(Service(), as_json=True), "export-1")
    assert json.loads(capsys.readouterr().out)["state"] == "STATE_CANCELED"
