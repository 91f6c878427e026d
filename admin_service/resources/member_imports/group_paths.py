"""Finds groups by paths as people write them: `Engineering/Platform`. Pure.

Each part is the id or the display name of a group below the one before. An id comes before a name, an exact name before one in
another case. A single id may be of any level.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SEPARATOR = "/"
_MAX_ID_LENGTH: Final = 63


class AmbiguousGroupError(Exception):
    """Several groups have the name. The message says so and names their ids."""


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group that a path may name."""

    group: str
    """Its id."""
    path: tuple[str, ...]
    """Group ids from level 1 down to this group, included."""
    display_name: str


@dataclass(frozen=True, slots=True)
class Found:
    """How far the groups of a path exist."""

    group: KnownGroup | None
    """The deepest group of the path that exists; None if not even its first part does."""
    missing: tuple[str, ...]
    """The names of the rest."""


class GroupTree:
    """The groups that a caller sees."""

    def __init__(self, groups: Iterable[KnownGroup]) -> None:
        self._by_id: dict[str, KnownGroup] = {}
        self._below: dict[tuple[str, ...], list[KnownGroup]] = {}
        for group in groups:
            self.add(group)

    def add(self, group: KnownGroup) -> None:
        """Adds a group, whose parent comes before."""
        self._by_id[group.group] = group
        self._below.setdefault(group.path[:-1], []).append(group)

    def remove(self, group: KnownGroup) -> None:
        """Removes a group that was added."""
        del self._by_id[group.group]
        self._below[group.path[:-1]].remove(group)

    def text_of(self, group: str | None) -> str:
        """Returns the path of a group in display names, or its id if the caller does not see it; empty for none."""
        if group is None:
            return ""
        known = self._by_id.get(group)
        if known is None:
            return group
        return _SEPARATOR.join(self._by_id[part].display_name if part in self._by_id else part for part in known.path)

    def find(self, text: str) -> Found:
        """Returns the groups of a path.

        Raises:
            AmbiguousGroupError: a part names several groups.
            ValueError: a part is empty.
        """
        parts = [part.strip() for part in text.split(_SEPARATOR)]
        if not all(parts):
            raise ValueError(f"{text!r} has an empty part: write names with `{_SEPARATOR}` between")
        if len(parts) == 1 and parts[0] in self._by_id:
            return Found(self._by_id[parts[0]], ())
        group: KnownGroup | None = None
        for number, part in enumerate(parts):
            below = self._named(group.path if group else (), part)
            if below is None:
                return Found(group, tuple(parts[number:]))
            group = below
        return Found(group, ())

    def _named(self, parent: tuple[str, ...], part: str) -> KnownGroup | None:
        siblings = self._below.get(parent, [])
        for matches in (
            [group for group in siblings if group.group == part],
            [group for group in siblings if group.display_name == part],
            [group for group in siblings if group.display_name.casefold() == part.casefold()],
        ):
            if len(matches) > 1:
                ids = ", ".join(group.group for group in matches)
                raise AmbiguousGroupError(f"{part!r} is the name of several groups: write an id ({ids})")
            if matches:
                return matches[0]
        return None


def id_of_name(display_name: str) -> str:
    """Returns the id that a name suggests, such as `visual-search` for `Visual Search`, or an empty text if it suggests none."""
    plain = unicodedata.normalize("NFKD", display_name)
    if any(letter.isalnum() and not letter.isascii() for letter in plain):
        return ""
    return (
        re.sub(r"[^a-z0-9]+", "-", re.sub(r"[^\x00-\x7f]", "", plain).lower()).strip("-")[:_MAX_ID_LENGTH].rstrip("-")
    )
