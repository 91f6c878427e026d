"""What is wrong with a validated document, in words for the person who wrote it."""

from collections.abc import Sequence

from pydantic import ValidationError

_OWN_CHECK = "Value error, "
"""pydantic puts this before the messages of our own checks."""


def problems_of(error: ValidationError) -> Sequence[tuple[str, str]]:
    """Returns the place and the message of each problem. The place is empty for the whole document; no value is quoted."""
    return [
        (".".join(map(str, item["loc"])), item["msg"].removeprefix(_OWN_CHECK))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
