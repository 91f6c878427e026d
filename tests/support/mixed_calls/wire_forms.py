"""The odd forms in which providers send one answer: labels, marks, line ends, compression, and pieces cut anywhere."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.support.servers.scripted_upstream import Script, Send, Step, UntilClientLeaves, chunk, head

MARK = b"\xef\xbb\xbf"
_STREAM_LABELS = ("text/event-stream", "text/event-stream; charset=utf-8", "text/plain", "application/json", "")
_DOCUMENT_LABELS = ("application/json", "application/json; charset=utf-8", "text/plain", "application/octet-stream", "")


@dataclass(frozen=True)
class Form:
    """How one answer is sent."""

    label: str
    has_mark: bool = False
    line_end: bytes = b"\n"
    is_compressed: bool = False
    pieces_max: int = 1
    comments: bool = False
    space: str = " "
    """What follows `data:`."""
    splits_data: bool = False
    """Whether an event is written over several `data:` lines."""


def random_form(random: Random, *, streamed: bool) -> Form:
    """Returns a form that an answer may have."""
    return Form(
        label=random.choice(_STREAM_LABELS if streamed else _DOCUMENT_LABELS),
        has_mark=random.random() < 0.1,
        line_end=random.choice((b"\n", b"\n", b"\r\n", b"\r")) if streamed else b"\n",
        is_compressed=random.random() < 0.15,
        pieces_max=random.choice((1, 2, 5, 40)),
        comments=streamed and random.random() < 0.2,
        space=random.choice((" ", "")),
        splits_data=streamed and random.random() < 0.05,
    )


def plain_form(random: Random) -> Form:
    """Returns a form whose events the caller can count: no marks, comments, or other line ends."""
    return Form(label=random.choice(_STREAM_LABELS), pieces_max=random.choice((1, 3)))


def event_bytes(value: object, form: Form) -> bytes:
    """Returns one server-sent event. A text is its data as it is."""
    kind = value.get("type") if isinstance(value, dict) else None
    text = value if isinstance(value, str) else json.dumps(value, indent=1 if form.splits_data else None)
    lines = [f"event: {kind}"] if kind else []
    lines += [f"data:{form.space}{line}" for line in text.split("\n")]
    return form.line_end.join(line.encode() for line in lines) + 2 * form.line_end


def stream_script(random: Random, values: Sequence[object], form: Form) -> Script:
    """Returns the script of a whole stream."""
    content = MARK if form.has_mark else b""
    for value in values:
        if form.comments and random.random() < 0.3:
            content += b": keep-alive" + 2 * form.line_end
        content += event_bytes(value, form)
    return _script(random, content, form)


def document_script(random: Random, value: object, form: Form) -> Script:
    """Returns the script of one JSON document."""
    text = json.dumps(value, indent=random.choice((None, 2)), ensure_ascii=random.random() < 0.5)
    return _script(random, (MARK if form.has_mark else b"") + text.encode(), form)


def begun_script(random: Random, content: bytes, form: Form) -> Script:
    """Returns the script that sends the beginning of an answer, and then waits until the caller leaves."""
    return [Send(_head(form)), *_pieces(random, content, form.pieces_max), UntilClientLeaves()]


def _script(random: Random, content: bytes, form: Form) -> Script:
    if form.is_compressed:
        content = gzip.compress(content)
    return [Send(_head(form)), *_pieces(random, content, form.pieces_max), chunk(b"")]


def _head(form: Form) -> bytes:
    headers = {"content-type": form.label, "transfer-encoding": "chunked"}
    if form.is_compressed:
        headers["content-encoding"] = "gzip"
    return head(200, headers)


def _pieces(random: Random, content: bytes, pieces_max: int) -> list[Step]:
    cuts = sorted({random.randrange(1, len(content)) for _ in range(pieces_max - 1)}) if len(content) > 1 else []
    return [chunk(content[first:last]) for first, last in zip([0, *cuts], [*cuts, len(content)], strict=True)]
