"""Output: tables for people, JSON for programs, remarks to standard error."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from megarouter_admin.command_line.rendering.tables import UNBOUNDED, Column, Row, facts, table


def as_json(message: Message) -> dict[str, Any]:
    """The message as REST has it: `lowerCamelCase`, whole numbers of 64 bits as texts, every plain field there."""
    # Imported here: tables, which are asked for more often, do without.
    from google.protobuf import json_format  # noqa: PLC0415

    fields: dict[str, Any] = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return fields


@dataclass(frozen=True, slots=True)
class Output:
    """How answers are shown."""

    json: bool
    """One JSON object, or one array, and nothing else on the standard output."""

    def rows(self, columns: Sequence[Column[Row]], rows: Sequence[Row], empty: str) -> None:
        """A list of messages. `empty` is the remark when there is none."""
        if self.json:
            self._dump([as_json(row) for row in rows if isinstance(row, Message)])
        elif rows:
            terminal = sys.stdout.isatty()
            print(table(columns, rows, shutil.get_terminal_size().columns if terminal else UNBOUNDED, colours=terminal))
        else:
            self.remark(empty)

    def one(self, message: Message, pairs: Sequence[tuple[str, str]]) -> None:
        """A message: whole as JSON, its facts to people."""
        if self.json:
            self._dump(as_json(message))
        else:
            print(facts(pairs))

    def document(self, text: str) -> None:
        """A text as the service wrote it."""
        sys.stdout.write(text)

    def remark(self, text: str) -> None:
        """A remark beside the answer."""
        print(text, file=sys.stderr)

    def _dump(self, value: object) -> None:
        print(json.dumps(value, indent=2, ensure_ascii=False))
