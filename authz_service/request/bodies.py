"""Checks that Envoy could read a body: its encoding, its type and its form."""

import re
from typing import Final

from authz_service.request.call import Call
from authz_service.request.values import RefusedError
from gateway_core.contract.form_faults import FORM_FAULTS
from gateway_core.contract.headers import CONTENT_ENCODING, CONTENT_TYPE, FORM, JSON
from gateway_core.contract.request_facts import UNREADABLE
from gateway_core.model.calls.refusals import Refusal, RefusalReason

_NO_ENCODING: Final = frozenset({"", "identity"})
_JSON: Final = re.compile(rf"{JSON}[ \t]*(;.*)?", re.IGNORECASE)
_FORM: Final = re.compile(rf"{FORM}[ \t]*(;.*)?", re.IGNORECASE)


def require_json(call: Call) -> None:
    """Returns if the body is JSON that Envoy could read.

    Raises:
        RefusedError: it is not.
    """
    _require_plain(call)
    content_type = call.header(CONTENT_TYPE)
    if content_type != JSON and not _JSON.fullmatch(content_type.strip()):
        raise _refused(
            RefusalReason.UNSUPPORTED_CONTENT_TYPE, "The body must be JSON. Send 'content-type: application/json'."
        )
    if call.body_bytes <= 0:
        raise _refused(RefusalReason.UNREADABLE_BODY, "The body is empty. Send a JSON object.")
    if UNREADABLE in call.facts:
        raise _refused(
            RefusalReason.UNREADABLE_BODY,
            "The body is not readable JSON. Check for truncation, unpaired surrogates and limits beyond 64 bits.",
        )


def require_form(call: Call) -> None:
    """Returns if the body is a form that Envoy could read.

    Raises:
        RefusedError: it is not.
    """
    _require_plain(call)
    if not _FORM.fullmatch(call.header(CONTENT_TYPE).strip()):
        raise _refused(
            RefusalReason.UNSUPPORTED_CONTENT_TYPE,
            "The body must be a form. Send 'content-type: multipart/form-data' with its boundary.",
        )
    if call.body_bytes <= 0:
        raise _refused(RefusalReason.UNREADABLE_BODY, "The body is empty. Send a form.")
    if UNREADABLE in call.facts:
        message = FORM_FAULTS.get(str(call.facts[UNREADABLE]), FORM_FAULTS["malformed_form"])
        raise _refused(RefusalReason.UNREADABLE_BODY, message)


def _require_plain(call: Call) -> None:
    if call.header(CONTENT_ENCODING).strip().lower() not in _NO_ENCODING:
        raise _refused(
            RefusalReason.UNSUPPORTED_CONTENT_ENCODING,
            "Compressed bodies are not accepted, because the gateway must read them. Send it uncompressed.",
        )


def _refused(reason: RefusalReason, message: str) -> RefusedError:
    return RefusedError(Refusal(reason, message))
