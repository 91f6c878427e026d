"""Serves `megarouter.files.v1.Files`: the links to files of exports, which Envoy translates from REST and streams."""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import asyncpg
import grpc
from google.api.httpbody_pb2 import HttpBody
from megarouter.admin.v1.usage_export_pb2 import UsageExport, UsageExportFormat
from megarouter.files.v1 import files_pb2
from megarouter.files.v1.files_pb2 import DownloadRequest
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.rpc_declarations import declared_methods
from admin_service.api.errors import AdminError
from admin_service.api.names import parse_name
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.messages import export_message
from admin_service.resources.usage_exports.owners import downloadable
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Guard, Handle, Rule, abort
from gateway_core.stores.postgres.organization_wall import acting_for

_TYPES: Final = {
    UsageExportFormat.USAGE_EXPORT_FORMAT_CSV: ("text/csv; charset=utf-8", "csv"),
    UsageExportFormat.USAGE_EXPORT_FORMAT_FOCUS: ("text/csv; charset=utf-8", "csv"),
    UsageExportFormat.USAGE_EXPORT_FORMAT_PDF: ("application/pdf", "pdf"),
}


class FilesApi:
    """Finds the files that callers may have."""

    service = files_pb2.DESCRIPTOR.services_by_name["Files"]

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.handlers: Mapping[str, Handle] = {"Download": self.find}
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    async def find(self, _request: DownloadRequest, caller: Caller) -> UsageExport:
        """Returns the export whose file follows."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return export_message(await downloadable(connection, caller))

    async def parts(self, export: UsageExport) -> AsyncIterator[bytes]:
        """Yields the parts of the file.

        Raises:
            AdminError: NOT_FOUND, the export was deleted meanwhile.
        """
        name = parse_name(export.name)
        if name is None:
            raise AssertionError("an export has a name")
        for number in range(export.part_count):
            async with acting_for(self._pool, name.organization) as connection:
                content = await store.read_part(connection, name.organization, str(name.resource_id), number)
            if content is None:
                message = "The export was deleted while it was downloaded."
                raise AdminError(grpc.StatusCode.NOT_FOUND, ErrorReason.EXPORT_NOT_FOUND, message)
            yield content


def files_handler(guard: Guard, api: FilesApi) -> "grpc.GenericRpcHandler[Any, Any]":
    """Returns the service for a gRPC server."""
    (method,) = declared_methods(api.service)

    async def serve(request: DownloadRequest, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[HttpBody]:
        metadata = tuple(context.invocation_metadata() or ())
        try:
            export = cast("UsageExport", await guard.traced_call(method, api, request, metadata))
            content_type, _ = _TYPES[export.format]
            await context.send_initial_metadata(_headers(export))
            async for content in api.parts(export):
                yield HttpBody(content_type=content_type, data=content)
        except AdminError as error:
            await abort(context, error)

    handler = grpc.unary_stream_rpc_method_handler(
        serve, request_deserializer=DownloadRequest.FromString, response_serializer=HttpBody.SerializeToString
    )
    return grpc.method_handlers_generic_handler(api.service.full_name, {method.descriptor.name: handler})


def _headers(export: UsageExport) -> tuple[tuple[str, str], ...]:
    """Returns the headers of the file. A stream has no length, so the hash (RFC 9530) tells whether a part is missing."""
    _, ending = _TYPES[export.format]
    export_id = export.name.rpartition("/")[2]
    return (
        ("repr-digest", f"sha-256=:{base64.b64encode(bytes.fromhex(export.sha256)).decode()}:"),
        ("content-disposition", f'attachment; filename="{export_id}.{ending}"'),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    )
