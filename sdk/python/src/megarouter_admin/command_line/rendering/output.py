"""Writes tables for people or JSON for programs to standard output, and remarks to standard error."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from megarouter_admin.command_line.rendering.tables import UNBOUNDED, Column, Row, facts, table


def as_json(message: Message) -> dict[str, Any]:
    """Returns the message as REST does: names in `lowerCamelCase`, 64-bit integers as strings, plain fields always present."""
    # Imported late: tables, which are more common, do not need it.
    from google.protobuf import json_format  # noqa: PLC0415

    fields: dict[str, Any] = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return fields


@dataclass(frozen=True, slots=True)
class Output:
    """Prints answers as text or JSON."""

    json: bool
    """Print one JSON object or one array, and nothing else, to standard output."""

    def rows(self, columns: Sequence[Column[Row]], rows: Sequence[Row], empty: str) -> None:
        """Prints a list of messages, or the remark `empty` if there are none."""
        if self.json:
            self._dump([as_json(row) for row in rows if isinstance(row, Message)])
        elif rows:
            terminal = sys.stdout.isatty()
            width = shutil.get_terminal_size().columns if terminal else UNBOUNDED
            print(table(columns, rows, width, terminal=terminal))
        else:
            self.remark(empty)

    def one(self, message: Message, pairs: Sequence[tuple[str, str]]) -> None:
        """Prints one message: all of it as JSON, or `pairs` of (title, value) for people."""
        if self.json:
            self._dump(as_json(message))
        else:
            print(facts(pairs, terminal=sys.stdout.isatty()))

    def total(self, rows: Sequence[object], text: str) -> None:
        """Prints the total of a list for people, as a remark: programs that read the table need not skip it."""
        if rows and not self.json:
            self.remark(text)

    def effect(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Shows what a command is about to do, before it asks. Goes to standard error, like the question."""
        print(facts(pairs, terminal=sys.stderr.isatty()), file=sys.stderr)

    def document(self, text: str) -> None:
        """Prints a text unchanged."""
        sys.stdout.write(text)

    def remark(self, text: str) -> None:
        """Prints a remark to standard error."""
        print(text, file=sys.stderr)

    def _dump(self, value: object) -> None:
        print(json.dumps(value, indent=2, ensure_ascii=False))
