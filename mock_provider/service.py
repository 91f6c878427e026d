"""Serves one provider call: reads it, plans its usage, writes the reply and records the call."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import web

from mock_provider.arriving.access_tokens import AccessTokens, Accounts, TokenRefusalError
from mock_provider.arriving.aws_signatures import AccessKey, Arrived, problem_of
from mock_provider.arriving.notes import note_body, note_fields, note_headers
from mock_provider.controls import ControlError, Controls, read_controls
from mock_provider.dialects import Dialect, Job, RefusalError, dialect_of
from mock_provider.forms import is_form, read_form
from mock_provider.reply import Reply
from mock_provider.routes import FORMS, Endpoint, route
from mock_provider.stored.files import StoredFiles
from mock_provider.stored.responses import StoredResponses
from mock_provider.tally import CallRecord, Finished, Tally
from mock_provider.usage_plan import UsagePlan, plan_usage

REQUEST_BYTES_MAX = 64 * 1024 * 1024
_FALLBACK = dialect_of(Endpoint.CHAT_COMPLETIONS)


class ProviderService:
    """The handler of every provider path."""

    def __init__(
        self,
        tally: Tally,
        clock_s: Callable[[], float] = time.time,
        aws_keys: Mapping[str, AccessKey] | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        self._tally = tally
        self.stored = StoredResponses()
        self.files = StoredFiles()
        self._clock_s = clock_s
        self._aws_keys = aws_keys
        self._tokens = AccessTokens(accounts, clock_s) if accounts is not None else None
        self._serial_base = f"{int(clock_s()):08x}"
        self._serial_next = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answers one POST, even if the connection breaks meanwhile."""
        started_s = time.perf_counter()
        record = CallRecord(path=request.path, received_at_ms=int(self._clock_s() * 1000))
        note_headers(record, request.headers.items(), request.query_string)
        body = b""
        self._tally.begin()
        try:
            body = await request.read()
            note_body(record, body)
            return await self._answer(request, record, body)
        except (asyncio.CancelledError, ConnectionError) as error:
            # If the caller closes the connection, the server cancels the handler or a write fails.
            if record.finished is not Finished.COMPLETE:
                record.finished = Finished.CLIENT_GONE
            if isinstance(error, asyncio.CancelledError):
                raise
            return web.Response(status=499)  # The caller is gone and will not read it.
        finally:
            record.duration_ms = (time.perf_counter() - started_s) * 1000
            self._tally.finish(record, body)

    async def _answer(self, request: web.Request, record: CallRecord, body: bytes) -> web.StreamResponse:
        target = route(request.path)
        dialect = dialect_of(target.endpoint) if target is not None else _FALLBACK
        serial = self._serial()
        reply = Reply(request, record, dialect, serial)
        if (problem := self._unsigned(request, body)) is not None:
            return await reply.fail(403, problem)
        if self._tokens is not None and not self._tokens.accepts(request.headers.get("authorization", "")):
            return await reply.fail(401, "Request had invalid authentication credentials.")
        if target is None:
            return await reply.fail(404, f"Invalid URL (POST {request.path})")
        if target.needs_api_version and not request.query.get("api-version"):
            return await reply.fail(404, "Resource not found")
        record.dialect, record.endpoint = dialect.name, target.endpoint
        try:
            controls = read_controls(request.headers.items())
            content_type = request.headers.get("content-type", "")
            fields = _parse(body, content_type, target.endpoint)
            note_fields(record, fields)
            record.model = target.model or (record.body_model if isinstance(record.body_model, str) else "")
            read = dialect.read(fields, target)
            self.stored.require_previous(fields)
        except ControlError as error:
            return await reply.fail(400, str(error))
        except RefusalError as error:
            return await reply.fail(error.status, error.message, error.parameter)
        record.streamed = read.streamed
        if controls.stall_ms:
            await asyncio.sleep(controls.stall_ms / 1000)
        status = _requested_failure(controls, streamed=read.streamed)
        if status is not None:
            return await reply.fail(status, "A control header made the mock provider fail")
        features = dialect.features
        if read.habits.totals_only:
            features = replace(features, cache_read=False, cache_write=False)
        plan = plan_usage(read.demand, controls, features)
        job = Job(read, plan, controls, serial, int(self._clock_s()), request.query_string)
        _note_plan(record, dialect, job)
        if target.endpoint is Endpoint.RESPONSES:
            self.stored.keep(dialect, job)
        return await (reply.stream(job) if read.streamed else reply.whole(job))

    async def token(self, request: web.Request) -> web.Response:
        """POST …/token gives a token to those who may have one. It is no call of a model, so the tally does not count it."""
        if self._tokens is None:
            raise web.HTTPNotFound
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            return web.json_response(self._tokens.give(request.path, form, str(request.url)))
        except TokenRefusalError as error:
            return web.json_response({"error": str(error), "error_description": "Refused."}, status=400)

    def _unsigned(self, request: web.Request, body: bytes) -> str | None:
        """Returns what is wrong with the signature of a request, if the mock demands one."""
        if self._aws_keys is None:
            return None
        headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
        now = datetime.fromtimestamp(self._clock_s(), UTC)
        return problem_of(Arrived(request.method, request.raw_path, headers, body), self._aws_keys, now)

    def _serial(self) -> str:
        self._serial_next += 1
        return f"{self._serial_base}{self._serial_next:012x}"


def _parse(body: bytes, content_type: str, endpoint: Endpoint) -> dict[str, object]:
    if is_form(content_type) != (endpoint in FORMS):
        raise RefusalError(f"Unsupported content type: {content_type!r}", status=415)
    if is_form(content_type):
        return read_form(content_type, body)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError("We could not parse the JSON body of your request.") from error
    if not isinstance(fields, dict):
        raise RefusalError("The body must be a JSON object.")
    return fields


def _requested_failure(controls: Controls, *, streamed: bool) -> int | None:
    if controls.fail is not None:
        return controls.fail
    if controls.error_body is not None and not (streamed and controls.error_body == 200):
        return controls.error_body
    return None


def _note_plan(record: CallRecord, dialect: Dialect, job: Job) -> None:
    record.response_id = dialect.response_id(job.serial)
    record.usage = dialect.final_usage(job)
    record.units = dialect.units(job)
    # Counting tokens uses none, and what is billed by another unit is not counted in tokens.
    used = job.plan if record.usage and not record.units else UsagePlan(0)
    record.counts = used.counts()
