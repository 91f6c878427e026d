"""Parses the JSON of reports."""

import json
from typing import Final

_DECODER: Final = json.JSONDecoder()


def json_value(text: str) -> object:
    """Returns what a JSON text says.

    Envoy's module writes no white space around it. Such a text takes three quarters of the time of `json.loads`, which
    searches for white space twice.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: it is nested too deeply.
    """
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)
