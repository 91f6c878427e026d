"""Why a path of a provider's API is not served."""

from typing import Final

_LATER: Final = "it ends after the call, where its usage cannot be metered; make single calls"
_STORED: Final = (
    "all organizations share the gateway's account at the provider; send the content in the call, or ask the operator of the"
    " gateway to create it there and to register its id for you"
)
_LISTED: Final = (
    "the provider's list has the files of all organizations; keep the ids of your own, upload with POST /v1/files, and retrieve"
    " or delete a file by its id"
)
_IN_STEPS: Final = (
    "an upload in several requests continues at the provider itself; send a file in one request with POST /v1/files, or in the"
    " call that needs it"
)
_SESSIONS: Final = "sessions over a WebSocket are not metered; use POST /v1/responses"
_UNPRICED: Final = "it has no price that the gateway could charge exactly"

_NO_VARIATIONS: Final = "only models make variations that OpenAI has shut down; use POST /v1/images/edits"

_WHY: Final = {
    "assistants": _STORED,
    "batches": _LATER,
    "batchGenerateContent": _LATER,
    "cachedContents": _STORED,
    "chatkit": _STORED,
    "containers": _STORED,
    "conversations": _STORED,
    "evals": _LATER,
    "files": _LISTED,
    "fine_tuning": _LATER,
    "predict": _UNPRICED,
    "predictLongRunning": _LATER,
    "realtime": _SESSIONS,
    "skills": _STORED,
    "threads": _STORED,
    "upload": _IN_STEPS,
    "uploads": _IN_STEPS,
    "vector_stores": _STORED,
    "variations": _NO_VARIATIONS,
    "videos": _LATER,
    "voice_consents": _STORED,
    "voices": _STORED,
}
_SHOWN_CHARACTERS: Final = 200


def explain_unserved(method: str, path: str) -> str:
    """Returns the message for a request that is not served.

    Args:
        method: HTTP method.
        path: the path without its query.
    """
    asked = f"{method} {path[:_SHOWN_CHARACTERS]} is not a supported endpoint"
    parts = path[:_SHOWN_CHARACTERS].replace(":", "/").split("/")
    why = next((_WHY[part] for part in parts if part in _WHY), None)
    see = "See the documentation for the list of endpoints."
    return f"{asked}, because {why}. {see}" if why else f"{asked}. {see}"
