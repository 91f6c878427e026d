"""The responses that the mock provider stores, as OpenAI does: retrieved, deleted, canceled, and continued by their ids."""

import json
import re
from collections import OrderedDict

from aiohttp import web

from mock_provider.dialects import Dialect, Job, RefusalError
from mock_provider.dialects.base import JsonObject

_RESPONSES_MAX = 10_000
_PATH = re.compile(r".*/responses/(?P<id>[^/]+?)(?P<action>/cancel|/input_items)?\Z")


class StoredResponses:
    """The most recent responses, by id."""

    def __init__(self) -> None:
        self._responses: OrderedDict[str, tuple[JsonObject, list[JsonObject]]] = OrderedDict()

    def keep(self, dialect: Dialect, job: Job) -> None:
        """Stores the response to a call, unless the call asks not to."""
        if job.request.body.get("store") is False:
            return
        response = json.loads(dialect.answer(job).payload)
        self._responses[response["id"]] = (response, _items(job.request.body["input"], job.serial))
        if len(self._responses) > _RESPONSES_MAX:
            self._responses.popitem(last=False)

    def require_previous(self, body: JsonObject) -> None:
        """Checks that the response that a call continues is stored. Raises RefusalError."""
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self._responses:
            message = f"Previous response with id '{previous}' not found."
            raise RefusalError(message, parameter="previous_response_id")

    async def serve(self, request: web.Request) -> web.Response:
        """Answers a call about one stored response."""
        match = _PATH.fullmatch(request.path)
        stored = self._responses.get(match["id"]) if match else None
        if match is None or stored is None:
            return _error(404, f"Response with id '{match['id'] if match else ''}' not found.")
        response, items = stored
        if match["action"] == "/cancel":
            return _error(400, "Only background responses can be canceled.")
        if match["action"] == "/input_items":
            ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
            return web.json_response({"object": "list", "data": items, "has_more": False, **ends})
        if request.method == "DELETE":
            del self._responses[response["id"]]
            return web.json_response({"id": response["id"], "object": "response", "deleted": True})
        return web.json_response(response)


def _items(given: str | list[JsonObject], serial: str) -> list[JsonObject]:
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return [{"id": f"msg_in{number}_{serial}", **item} for number, item in enumerate(given)]


def _error(status: int, message: str) -> web.Response:
    fields = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": fields}, status=status)
