"""The files that the mock provider stores, as OpenAI and Anthropic do: uploaded as a form, retrieved, deleted, downloaded."""

import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from mock_provider.dialects.base import JsonObject

_FILES_MAX: Final = 1_000
_BYTES_MAX: Final = 64 * 1024 * 1024
_FORM_BYTES_MAX: Final = 32 * 1024 * 1024
_PATH: Final = re.compile(r".*/files/(?P<id>[^/]+?)(?P<content>/content)?\Z")


@dataclass(frozen=True, slots=True)
class _File:
    file_id: str
    name: str
    media_type: str
    purpose: str
    content: bytes
    created_s: int


class StoredFiles:
    """The most recent files, by id. The oldest go when there are too many, or when they are too large together."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._bytes = 0
        self._serial = 0

    async def upload(self, request: web.Request) -> web.Response:
        """Stores the file of a form."""
        if not request.content_type.startswith("multipart/form-data"):
            return _error(request, 400, "expected a form")
        if (request.content_length or 0) > _FORM_BYTES_MAX:
            return _error(request, 413, "the form is too large")
        form = await request.post()
        part, purpose = form.get("file"), form.get("purpose")
        if not isinstance(part, web.FileField):
            return _error(request, 400, "file: expected a file")
        if not _is_anthropic(request) and not isinstance(purpose, str):
            return _error(request, 400, "purpose: expected a string")
        self._serial += 1
        file_id = f"file_{self._serial:08}" if _is_anthropic(request) else f"file-{self._serial:08}"
        stored = _File(file_id, part.filename, part.content_type, str(purpose), part.file.read(), int(time.time()))
        self._keep(stored)
        return web.json_response(_shown(request, stored))

    async def serve(self, request: web.Request) -> web.Response:
        """Answers a call about one stored file."""
        match = _PATH.fullmatch(request.path)
        stored = self._files.get(match["id"]) if match else None
        if match is None or stored is None:
            return _error(request, 404, "no such file")
        if match["content"]:
            return web.Response(body=stored.content, content_type=stored.media_type)
        if request.method == "DELETE":
            self._drop(stored.file_id)
            kind = {"type": "file_deleted"} if _is_anthropic(request) else {"object": "file", "deleted": True}
            return web.json_response({"id": stored.file_id, **kind})
        return web.json_response(_shown(request, stored))

    def _keep(self, stored: _File) -> None:
        self._files[stored.file_id] = stored
        self._bytes += len(stored.content)
        while len(self._files) > _FILES_MAX or self._bytes > _BYTES_MAX:
            self._drop(next(iter(self._files)))

    def _drop(self, file_id: str) -> None:
        self._bytes -= len(self._files.pop(file_id).content)


def _is_anthropic(request: web.Request) -> bool:
    return "anthropic-version" in request.headers


def _shown(request: web.Request, stored: _File) -> JsonObject:
    if _is_anthropic(request):
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stored.created_s))
        return {
            "id": stored.file_id,
            "type": "file",
            "filename": stored.name,
            "mime_type": stored.media_type,
            "size_bytes": len(stored.content),
            "created_at": created,
            "downloadable": True,
        }
    return {
        "id": stored.file_id,
        "object": "file",
        "bytes": len(stored.content),
        "created_at": stored.created_s,
        "filename": stored.name,
        "purpose": stored.purpose,
        "status": "processed",
    }


def _error(request: web.Request, status: int, message: str) -> web.Response:
    if _is_anthropic(request):
        kind = "not_found_error" if status == 404 else "invalid_request_error"
        return web.json_response({"type": "error", "error": {"type": kind, "message": message}}, status=status)
    fields = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": fields}, status=status)
