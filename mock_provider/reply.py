"""Writes one answer to the connection, with the requested faults, and records what was written."""

import asyncio
from collections.abc import Iterator

from aiohttp import web

from mock_provider.dialects import Answer, Dialect, Event, Job
from mock_provider.tally import CallRecord, Finished, UsageReported


class Reply:
    """Writes one answer and keeps its record accurate at every moment."""

    def __init__(self, request: web.Request, record: CallRecord, dialect: Dialect, serial: str) -> None:
        self._request = request
        self._record = record
        self._dialect = dialect
        self._headers = dialect.response_headers(serial)

    async def fail(self, status: int, message: str, parameter: str | None = None) -> web.StreamResponse:
        """Writes an error answer in the shape of the dialect."""
        if status in (429, 503):
            self._headers["retry-after"] = "1"
        await self._send(status, self._dialect.error(status, message, parameter), "application/json")
        self._record.finished = Finished.FAILED
        return self._response

    async def whole(self, job: Job) -> web.StreamResponse:
        """Writes one JSON answer."""
        answer = self._dialect.answer(job)
        if job.controls.hang_up_after is not None:
            return await self._send_half(answer)
        await self._send(200, answer.payload, answer.content_type)
        record = self._record
        record.output_tokens_written = answer.tokens
        if answer.usage is not None:
            record.note_usage_sent(answer.usage, UsageReported.COMPLETE)
        record.finished = Finished.COMPLETE
        return self._response

    async def stream(self, job: Job) -> web.StreamResponse:
        """Writes a stream of events, paced, split and broken off as the call requested."""
        controls = job.controls
        headers = self._headers | {
            "content-type": self._dialect.stream_content_type(job),
            "cache-control": "no-cache",
        }
        response = web.StreamResponse(status=200, headers=headers)
        self._record.status = 200
        await response.prepare(self._request)
        for number, event in enumerate(self._events(job)):
            if controls.pace_ms and number:
                await asyncio.sleep(controls.pace_ms / 1000)
            if number == controls.hang_up_after:
                return self._hang_up(response)
            await _write(response, event.payload, controls.split_bytes)
            self._note_event(event)
        if controls.hang_up_after is not None:
            return self._hang_up(response)
        self._record.finished = Finished.COMPLETE if controls.error_body is None else Finished.FAILED
        await response.write_eof()
        return response

    def _events(self, job: Job) -> Iterator[Event]:
        events = self._dialect.events(job)
        if job.controls.error_body is None:
            yield from events
            return
        for event in events:
            yield event
            if event.tokens:
                break
        yield self._dialect.error_event(job)

    def _note_event(self, event: Event) -> None:
        record = self._record
        record.events_written += 1
        record.output_tokens_written += event.tokens
        if event.usage is not None:
            record.note_usage_sent(event.usage, UsageReported.COMPLETE if event.final else UsageReported.PARTIAL)

    async def _send(self, status: int, payload: bytes, content_type: str) -> None:
        """Returns once the answer is written to the connection, so that the record can count it as written."""
        self._record.status = status
        self._response = web.Response(
            status=status, body=payload, headers=self._headers | {"content-type": content_type}
        )
        await self._response.prepare(self._request)
        await self._response.write_eof()

    async def _send_half(self, answer: Answer) -> web.StreamResponse:
        payload = answer.payload
        headers = self._headers | {"content-type": answer.content_type, "content-length": str(len(payload))}
        response = web.StreamResponse(status=200, headers=headers)
        self._record.status = 200
        await response.prepare(self._request)
        await response.write(payload[: len(payload) // 2])
        return self._hang_up(response)

    def _hang_up(self, response: web.StreamResponse) -> web.StreamResponse:
        self._record.finished = Finished.HUNG_UP
        if self._request.transport is not None:
            self._request.transport.close()
        return response


async def _write(response: web.StreamResponse, payload: bytes, split_bytes: int) -> None:
    if not split_bytes:
        await response.write(payload)
        return
    for start in range(0, len(payload), split_bytes):
        await response.write(payload[start : start + split_bytes])
        await asyncio.sleep(0)  # Sends the piece by itself.
