"""Pages of the list of models, asked for as at the providers. OpenAI's list has none."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from gateway_core.model.calls.refusals import Refusal, refuse_parameter
from gateway_core.model.endpoints import Dialect

MAX_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a sorted list of names."""

    size: int = MAX_PAGE
    after: str | None = None
    """The part begins after this name, whether or not it is in the list."""
    before: str | None = None
    """The part ends before this name."""

    def part_of(self, names: Sequence[str]) -> tuple[Sequence[str], bool]:
        """Returns the names of the page, and whether there are more in its direction."""
        if self.before is not None:
            earlier = [name for name in names if name < self.before]
            return earlier[-self.size :], len(earlier) > self.size
        later = [name for name in names if self.after is None or name > self.after]
        return later[: self.size], len(later) > self.size


WHOLE_LIST: Final = Page()


def read_page(dialect: Dialect, query: str) -> Page | Refusal:
    """Returns the page that a query asks for, or the refusal if it asks for none that exists."""
    if not query or dialect is Dialect.OPENAI:
        return WHOLE_LIST
    asked = dict(parse_qsl(query, keep_blank_values=True))
    return _anthropic(asked) if dialect is Dialect.ANTHROPIC else _gemini(asked)


def next_token(names: Sequence[str]) -> str:
    """Returns the token of the page after one with these names."""
    return base64.urlsafe_b64encode(names[-1].encode()).decode() if names else ""


def _anthropic(asked: dict[str, str]) -> Page | Refusal:
    after, before = asked.get("after_id"), asked.get("before_id")
    if after is not None and before is not None:
        return refuse_parameter("before_id", "send only one of 'after_id' and 'before_id'")
    size = asked.get("limit", str(MAX_PAGE))
    if not _is_count(size) or not 1 <= int(size) <= MAX_PAGE:
        return refuse_parameter("limit", f"it must be a whole number from 1 to {MAX_PAGE}")
    return Page(int(size), after, before)


def _gemini(asked: dict[str, str]) -> Page | Refusal:
    size = asked.get("pageSize", asked.get("page_size", "0"))
    if not _is_count(size):
        return refuse_parameter("pageSize", "it must be a whole number from 0")
    token = asked.get("pageToken", asked.get("page_token", ""))
    try:
        after = base64.b64decode(token, altchars=b"-_", validate=True).decode() if token else None
    except (binascii.Error, ValueError):
        return refuse_parameter("pageToken", "send the 'nextPageToken' of the page before")
    return Page(min(int(size) or MAX_PAGE, MAX_PAGE), after)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(2**31))
