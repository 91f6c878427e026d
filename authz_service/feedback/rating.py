"""Reads a rating from the facts of its body. It has no text of its own: values are from fixed lists."""

import re
from typing import Final

from authz_service.request.bodies import require_json
from authz_service.request.call import Call
from authz_service.request.values import RefusedError, invalid
from gateway_core.contract.request_facts import FEEDBACK_ID, FEEDBACK_OTHER, FEEDBACK_RATING, FEEDBACK_REASON
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.record_decorator import record

RATINGS: Final = ("good", "bad")
REASONS: Final = ("incorrect", "incomplete", "off_topic", "refused", "too_long", "too_slow", "wrong_format", "other")
"""The lists are fixed, so no text of anyone is stored. The table `call_ratings` takes no other values."""
RATED_DAYS_MAX: Final = 7
"""An older call cannot be rated. The function `rate_call` of the schema has the same number."""
BODY_BYTES_MAX: Final = 4_096
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""As Envoy makes them."""


@record(frozen=True, slots=True)
class Rating:
    """What a caller thinks of an answer."""

    request_id: str
    """The `x-request-id` of the answer."""
    rating: str
    reason: str | None


def read_rating(call: Call) -> Rating | Refusal:
    """Returns the rating in the body of a call, or the refusal for the first fault in it."""
    try:
        require_json(call)
        return _rating(call)
    except RefusedError as error:
        return error.refusal


def _rating(call: Call) -> Rating:
    if call.body_bytes > BODY_BYTES_MAX:
        raise invalid("body", f"a rating has at most {BODY_BYTES_MAX} bytes")
    if FEEDBACK_OTHER in call.facts:
        raise invalid("body", "a rating has 'id', 'rating' and 'reason', and no text of its own is stored")
    request_id, reason = call.facts.get(FEEDBACK_ID), call.facts.get(FEEDBACK_REASON)
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        raise invalid("id", "it must be the x-request-id of an answer")
    rating = call.facts.get(FEEDBACK_RATING)
    if rating not in RATINGS:
        raise invalid("rating", f"it must be one of {', '.join(RATINGS)}")
    if reason is not None and reason not in REASONS:
        raise invalid("reason", f"it must be one of {', '.join(REASONS)}")
    return Rating(request_id, str(rating), None if reason is None else str(reason))
