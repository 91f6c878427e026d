"""Calls about files that a provider stores: which file a path names, and where it is at the provider."""

import enum
import re
from typing import Final, NamedTuple


class FileOperation(enum.StrEnum):
    """What a call does with a stored file. It costs nothing."""

    RETRIEVE = "retrieve"
    """Asks what is known about the file."""
    DOWNLOAD = "download"
    DELETE = "delete"


class FoundFile(NamedTuple):
    """What a path asks about which file."""

    operation: FileOperation
    file_id: str
    is_gemini: bool
    """Whether it is a path of Gemini's API. OpenAI and Anthropic have the same paths."""


_GEMINI_PREFIX: Final = "files/"
"""Begins the name of a file in Gemini's API, which is a part of its path."""
_PATH: Final = re.compile(r"/v1(beta)?/files/([A-Za-z0-9_-]{1,256})(/content)?")
_OPERATIONS: Final = {
    ("GET", ""): FileOperation.RETRIEVE,
    ("GET", "/content"): FileOperation.DOWNLOAD,
    ("DELETE", ""): FileOperation.DELETE,
}


def classify_file(method: str, path: str) -> FoundFile | None:
    """Returns what a request asks about which file, or None if it asks something else."""
    match = _PATH.fullmatch(path)
    operation = _OPERATIONS.get((method, match[3] or "")) if match else None
    if match is None or operation is None:
        return None
    if not match[1]:
        return FoundFile(operation, match[2], is_gemini=False)
    return (
        None if operation is FileOperation.DOWNLOAD else FoundFile(operation, _GEMINI_PREFIX + match[2], is_gemini=True)
    )


def file_path(operation: FileOperation, file_id: str, base_path: str, query: str) -> str:
    """Returns the path sent to the provider. `query` is the part of the query that goes on."""
    suffix = "/content" if operation is FileOperation.DOWNLOAD else ""
    path = f"{base_path}/files/{file_id.removeprefix(_GEMINI_PREFIX)}{suffix}"
    return f"{path}?{query}" if query else path
