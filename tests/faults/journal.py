"""Reads and forges lines of Envoy's journal."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def payload_of(token: str) -> dict[str, Any]:
    """The hold inside a token, whoever signed it."""
    payload = token.split(".")[1]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return content


def with_payload(token: str, **changes: object) -> str:
    """The token with other content and the old signature."""
    version, _, signature = token.split(".")
    payload = json.dumps({**payload_of(token), **changes}, separators=(",", ":")).encode()
    return f"{version}.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.{signature}"


def lines_of(journal: Path, organizations: Iterable[str]) -> list[dict[str, Any]]:
    """What Envoy wrote about calls of these organizations, oldest first."""
    wanted = set(organizations)
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [line for line in lines if payload_of(line["hold"])["org"] in wanted]


def append(journal: Path, lines: Iterable[dict[str, Any]]) -> None:
    with journal.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
