r"""Parses the filters of lists (AIP-160) to a tree. The parser is the same for all lists.

    filter      = condition { "AND" condition }
    condition   = term { "OR" term }              ; OR binds tighter than AND, as in AIP-160
    term        = [ "NOT" | "-" ] ( "(" filter ")" | comparison | value )
    comparison  = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
                | field ":" ( value | "*" )       ; contains; `*`: is set
    field       = name { "." name }               ; names are lower case
    value       = quoted | bare
    quoted      = text in " or '; a backslash escapes \, " and '
    bare        = characters except spaces, control characters and ( ) " ' \ = < > ! , *

Numbers, times (`create_time >= 2026-01-31T00:00:00Z`), `true`, and names of enum values and resources need no quotes. A value
without a field is searched for in the fields that the list chooses. AND, OR and NOT are in capitals. Spaces are allowed between a
field, its operator and its value. An empty filter matches everything.

Limits: 2,000 bytes, 10 nested parentheses, 50 comparisons. Parsing time is linear in the length.
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

MAX_FILTER_BYTES: Final = 2_000
MAX_DEPTH: Final = 10
MAX_TERMS: Final = 50


class FilterError(ValueError):
    """The filter cannot be parsed. The message says where, counting characters from 1, and what was expected."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"at character {position + 1}: {message}")
        self.position = position
        """Offset in characters, from 0."""


class Operator(enum.StrEnum):
    """The operator of a comparison."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    HAS = ":"
    IS_SET = ":*"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator value`."""

    field: str
    operator: Operator
    value: str
    """Without quotes; empty for IS_SET."""
    position: int
    """Offset of the field in characters, from 0."""
    value_position: int


@dataclass(frozen=True, slots=True)
class Search:
    """A value without a field."""

    value: str
    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """Matches what the part does not match."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Matches what every part matches."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Matches what at least one part matches."""

    parts: "tuple[Filter, ...]"


Filter = Comparison | Search | Not | AllOf | AnyOf


def parse_filter(text: str) -> Filter | None:
    """Returns the tree of a filter, or None for an empty filter.

    Raises:
        FilterError: the text is not a filter, or exceeds a limit.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_FILTER_BYTES:
        raise FilterError(f"a filter may have at most {MAX_FILTER_BYTES} bytes", 0)
    if forbidden := _FORBIDDEN.search(text):
        raise FilterError("a filter must not contain control characters", forbidden.start())
    return _Parser(text).whole()


# Lone surrogates, and all control characters except whitespace.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_KEYWORD: Final = re.compile(r"(AND|OR|NOT)(?![^ \t\r\n()])")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_OPERATOR: Final = re.compile(r"!=|<=|>=|=|<|>|:")
_BARE: Final = re.compile(r"""[^ \t\r\n()"'\\=<>!,*]+""")
_QUOTED: Final = {'"': re.compile(r'"((?:[^"\\]|\\["\'\\])*)"'), "'": re.compile(r"'((?:[^'\\]|\\[\"'\\])*)'")}
_ESCAPE: Final = re.compile(r"\\(.)")


class _Parser:
    """Reads from left to right and backtracks over at most one name. The recursion is at most MAX_DEPTH deep."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._terms = 0
        self._skip_space()

    def whole(self) -> Filter | None:
        if self._ended():
            return None
        tree = self._filter(0)
        if not self._ended():
            raise self._expected("AND, OR or the end of the filter")
        return tree

    def _filter(self, depth: int) -> Filter:
        parts = [self._condition(depth)]
        while self._take_keyword("AND"):
            parts.append(self._condition(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _condition(self, depth: int) -> Filter:
        parts = [self._term(depth)]
        while self._take_keyword("OR"):
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _term(self, depth: int) -> Filter:
        if self._take_keyword("NOT") or self._take("-"):
            return Not(self._simple(depth))
        return self._simple(depth)

    def _simple(self, depth: int) -> Filter:
        start = self._at
        if not self._take("("):
            return self._restriction()
        if depth == MAX_DEPTH:
            raise FilterError(f"more than {MAX_DEPTH} nested parentheses", start)
        tree = self._filter(depth + 1)
        if not self._take(")"):
            raise self._expected(f"AND, OR or the `)` for the `(` at character {start + 1}")
        return tree

    def _restriction(self) -> Filter:
        start = self._at
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise FilterError(f"more than {MAX_TERMS} comparisons", start)
        if field := _FIELD.match(self._text, start):
            self._move_to(field.end())
            if operator := _OPERATOR.match(self._text, self._at):
                self._move_to(operator.end())
                return self._compared(field.group(), Operator(operator.group()), start)
            self._at = start
        value = self._value("a field, a value, NOT or `(`")
        if operator := _OPERATOR.match(self._text, self._at):
            message = f"`{operator.group()}` must follow a field name, in lower case and without quotes"
            raise FilterError(message, self._at)
        return Search(value, start)

    def _compared(self, field: str, operator: Operator, start: int) -> Comparison:
        value_start = self._at
        if operator is Operator.HAS and self._take("*"):
            return Comparison(field, Operator.IS_SET, "", start, value_start)
        value = self._value(f"a value after `{operator}`")
        return Comparison(field, operator, value, start, value_start)

    def _value(self, expected: str) -> str:
        start = self._at
        quote = self._text[start : start + 1]
        if quote in _QUOTED:
            quoted = _QUOTED[quote].match(self._text, start)
            if quoted is None:
                message = (
                    f"the `{quote}` is not closed, or a backslash precedes something other than a quote or backslash"
                )
                raise FilterError(message, start)
            self._move_to(quoted.end())
            return _ESCAPE.sub(r"\1", quoted.group(1))
        bare = _BARE.match(self._text, start)
        if bare is None or _KEYWORD.match(self._text, start):
            raise self._expected(expected)
        self._move_to(bare.end())
        if self._text[bare.end() : bare.end() + 1] == "*":
            raise FilterError("`*` is allowed only alone after `:`; quote a value that contains it", bare.end())
        return bare.group()

    def _take_keyword(self, word: str) -> bool:
        found = _KEYWORD.match(self._text, self._at)
        if found is None or found.group(1) != word:
            return False
        self._move_to(found.end())
        return True

    def _take(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._move_to(self._at + 1)
        return True

    def _move_to(self, position: int) -> None:
        self._at = position
        self._skip_space()

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _ended(self) -> bool:
        return self._at == len(self._text)

    def _expected(self, what: str) -> FilterError:
        found = "the filter ends" if self._ended() else f"found {self._text[self._at : self._at + 20]!r}"
        return FilterError(f"expected {what}; {found}", self._at)
