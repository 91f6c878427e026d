"""Answers each call by its plan, and remembers which request was which call."""

import re
import threading
from collections.abc import Iterable

from tests.support.mixed_calls.plans import Plan
from tests.support.servers.scripted_upstream import Request, Script, answer, json_answer

_CALL = re.compile(rb"call-(\d+)")
_STORED = re.compile(r"/v1/responses/(resp_mixed_\d+)")


class PlannedUpstream:
    """The provider's own book: which of its requests was which planned call.

    Pass `script_of` to `ScriptedUpstream.choose`.
    """

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = {plan.number: plan for plan in plans}
        self._lock = threading.Lock()
        self._by_request: dict[str, Plan] = {}
        self.repeated: list[int] = []
        """Calls that arrived more than once."""
        self.read_again: list[str] = []
        """Stored responses that were read again."""

    def script_of(self, request: Request) -> Script:
        """Returns the answer to a request. One about a stored response repeats its usage, and is no call of the book."""
        if stored := _STORED.match(request.path):
            self.read_again.append(stored[1])
            return json_answer(
                {"id": stored[1], "object": "response", "usage": {"input_tokens": 9, "output_tokens": 9}}
            )
        found = _CALL.search(request.body)
        if found is None:
            return answer(b"no call", 501)
        plan = self._plans[int(found[1])]
        with self._lock:
            if plan in self._by_request.values():
                self.repeated.append(plan.number)
            self._by_request[request.header("x-request-id") or ""] = plan
        return plan.script

    @property
    def tallies(self) -> dict[str, Plan]:
        """The call of each request id."""
        with self._lock:
            return dict(self._by_request)
