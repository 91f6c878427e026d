"""A file that is made in the background is the same as one that is fetched page by page, and belongs to its requester alone."""

import asyncio
import base64
import hashlib
from typing import Any

import asyncpg
import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from megarouter.admin.v1.usage_export_pb2 import (
    CancelUsageExportRequest,
    DeleteUsageExportRequest,
    DownloadUsageExportRequest,
    ExportUsageRequest,
    GetUsageExportRequest,
    ListUsageExportsRequest,
    UsageExport,
)
from megarouter.admin.v1.usage_reports_pb2 import (
    CallExportFormat,
    ExportCallsRequest,
    VerifyUsageReportRequest,
    VerifyUsageReportResponse,
)
from megarouter.files.v1.files_pb2 import DownloadRequest

from tests.contract.admin_service.conftest import Client, bearer
from tests.contract.admin_service.resources.analytics.test_service import ORGANIZATION, time_range
from tests.contract.admin_service.resources.usage_reports.test_service import history  # noqa: F401 - a fixture
from tests.support.pdf import attachment
from tests.support.usage.histories import UsageHistory

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
SUCCEEDED = UsageExport.STATE_SUCCEEDED
SMALL = {
    "CSV": CallExportFormat.CALL_EXPORT_FORMAT_CALLS,
    "FOCUS": CallExportFormat.CALL_EXPORT_FORMAT_FOCUS,
}


def request(form: str = "CSV", **fields: Any) -> ExportUsageRequest:
    return ExportUsageRequest(
        parent=ORGANIZATION, **{"time_range": time_range(), "format": f"USAGE_EXPORT_FORMAT_{form}", **fields}
    )


async def started(client: Client, form: str = "CSV", member: str = "super", **fields: Any) -> UsageExport:
    export: UsageExport = await client.call("ExportUsage", request(form, **fields), member)
    return export


async def ended(client: Client, export: UsageExport, member: str = "super") -> UsageExport:
    async with asyncio.timeout(60):
        while export.state in {UsageExport.STATE_QUEUED, UsageExport.STATE_RUNNING}:
            await asyncio.sleep(0.2)
            export = await client.call("GetUsageExport", GetUsageExportRequest(name=export.name), member)
    return export


async def parts_of(client: Client, export: UsageExport, member: str = "super") -> bytes:
    content = b""
    for part in range(export.part_count):
        asked = DownloadUsageExportRequest(name=export.name, part=part)
        content += (await client.call("DownloadUsageExport", asked, member)).content
    return content


async def linked(client: Client, name: str, member: str = "super") -> tuple[bytes, dict[str, str]]:
    rpc = client.channel.unary_stream(
        "/megarouter.files.v1.Files/Download",
        request_serializer=DownloadRequest.SerializeToString,
        response_deserializer=HttpBody.FromString,
    )
    call = rpc(DownloadRequest(name=name), metadata=bearer(member), timeout=60)
    bodies = [body async for body in call]
    headers = {key: str(value) for key, value in await call.initial_metadata()}
    return b"".join(body.data for body in bodies), {**headers, "type": bodies[0].content_type}


async def link_code(client: Client, name: str, member: str) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await linked(client, name, member)
    return raised.value.code()


@pytest.mark.parametrize("form", ["CSV", "FOCUS", "PDF"])
async def test_the_file_has_the_bytes_of_the_small_export_and_a_link(
    client: Client,
    history: UsageHistory,  # noqa: F811 - a fixture
    form: str,
) -> None:
    export = await started(client, form)
    assert (export.state, export.part_count, export.download_path) == (UsageExport.STATE_QUEUED, 0, "")
    export = await ended(client, export)
    assert (export.state, export.progress_percent, export.error_message) == (SUCCEEDED, 100, "")
    content, headers = await linked(client, export.name)
    digest = hashlib.sha256(content).digest()
    assert content == await parts_of(client, export)
    assert (export.size_bytes, export.sha256) == (len(content), digest.hex())
    assert headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert export.download_path == f"/v1/{export.name}:download"
    assert headers["type"] == ("application/pdf" if form == "PDF" else "text/csv; charset=utf-8")
    assert (export.expire_time.ToDatetime() - export.end_time.ToDatetime()).total_seconds() == 24 * 3_600
    if form == "PDF":
        asked = VerifyUsageReportRequest(
            name=ORGANIZATION, report=attachment(content, "report.json"), file_sha256=export.sha256
        )
        verified = await client.call("VerifyUsageReport", asked, timeout=60)
        assert verified.pages == VerifyUsageReportResponse.PAGES_SAME
        assert verified.verdict == VerifyUsageReportResponse.VERDICT_UNCHANGED
        return
    small = ExportCallsRequest(name=ORGANIZATION, time_range=time_range(), format=SMALL[form])
    page = await client.call("ExportCalls", small)
    assert (page.content.encode(), page.row_count) == (content, export.row_count)


async def test_an_export_exists_for_its_requester_only(
    client: Client,
    owner: asyncpg.Connection,
    history: UsageHistory,  # noqa: F811 - a fixture
) -> None:
    export = await ended(client, await started(client, member="l1"), "l1")
    assert export.row_count > 0
    for method, asked in (
        ("GetUsageExport", GetUsageExportRequest(name=export.name)),
        ("CancelUsageExport", CancelUsageExportRequest(name=export.name)),
        ("DeleteUsageExport", DeleteUsageExportRequest(name=export.name)),
        ("DownloadUsageExport", DownloadUsageExportRequest(name=export.name)),
    ):
        # A Super Admin may see every call, but not the file of someone else. It looks as if it did not exist.
        failure = await client.failure(method, asked, "super")
        absent = await client.failure(method, type(asked)(name=f"{ORGANIZATION}/usageExports/export-none"), "super")
        assert (failure.code, failure.reason) == (NOT_FOUND, "EXPORT_NOT_FOUND")
        assert failure.message.replace(export.name, "") == absent.message.replace(
            f"{ORGANIZATION}/usageExports/export-none", ""
        )
        assert await client.code(method, asked, "stranger") == DENIED
    for member, code in (("super", NOT_FOUND), ("l1-peer", NOT_FOUND), ("stranger", DENIED)):
        assert await link_code(client, export.name, member) == code
    listed = ListUsageExportsRequest(parent=ORGANIZATION)
    assert not (await client.call("ListUsageExports", listed, "super")).usage_exports
    assert [one.name for one in (await client.call("ListUsageExports", listed, "l1")).usage_exports] == [export.name]
    # Whoever sees less than when they asked does not get the file anymore.
    await owner.execute("UPDATE members SET role = 'MEMBER' WHERE member_id = 'l1'")
    assert await client.code("DownloadUsageExport", DownloadUsageExportRequest(name=export.name), "l1") == DENIED
    assert await link_code(client, export.name, "l1") == DENIED
    # A file lasts a day, and then is deleted with its parts.
    await owner.execute("UPDATE usage_exports SET expire_time = now()")
    assert await client.code("GetUsageExport", GetUsageExportRequest(name=export.name), "l1") == NOT_FOUND
    async with asyncio.timeout(30):
        while await owner.fetchval("SELECT count(*) FROM usage_export_parts"):
            await asyncio.sleep(0.1)
    assert await owner.fetchval("SELECT count(*) FROM usage_exports") == 0
