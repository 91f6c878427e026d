"""Reads and forges lines of Envoy's journal."""

import asyncio
import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CALL = ("id", "amount", "in", "out", "placed", "expires", "placement", "shadow")
"""The fields that a token records about its call, in order."""


def payload_of(token: str) -> dict[str, Any]:
    """Returns the content of a token without checking its signature."""
    _, claims, call, _ = token.split(".")
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    own = dict(zip(CALL, call.split(","), strict=True))
    return {**content, **{key: int(value) if value.isdigit() else value for key, value in own.items()}}


def with_payload(token: str, **changes: object) -> str:
    """Returns the token with other content and the old authentication code."""
    version, _, _, code = token.split(".")
    content = {**payload_of(token), **changes}
    call = ",".join(str(content.pop(key)) for key in CALL)
    claims = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{version}.{claims}.{call}.{code}"


def lines_of(journal: Path, organizations: Iterable[str]) -> list[dict[str, Any]]:
    """Returns Envoy's lines about calls of these organizations, oldest first: `hold`, `usage`, and the `rest` as text."""
    wanted = set(organizations)
    lines = [line.split("\t", 2) for line in journal.read_text(encoding="utf-8").splitlines() if line.startswith("v2.")]
    return [
        {"hold": hold, "usage": {} if usage == "-" else json.loads(usage), "rest": rest}
        for hold, usage, rest in lines
        if payload_of(hold)["org"] in wanted
    ]


async def until_lines(
    journal: Path, organizations: Iterable[str], count: int, timeout_s: float = 10.0
) -> list[dict[str, Any]]:
    """Waits until Envoy, which writes a moment after each call, has written so many lines, and returns them."""
    wanted = set(organizations)
    async with asyncio.timeout(timeout_s):
        while len(lines := lines_of(journal, wanted)) < count:
            await asyncio.sleep(0.05)
    assert len(lines) == count
    return lines


def append(journal: Path, lines: Iterable[dict[str, Any]]) -> None:
    with journal.open("a", encoding="utf-8") as file:
        for line in lines:
            usage = json.dumps(line["usage"], separators=(",", ":")) if line["usage"] else "-"
            file.write(f"{line['hold']}\t{usage}\t{line['rest']}\n")
