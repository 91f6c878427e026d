"""Filters of SCIM (RFC 7644, section 3.4.2.2): parsed, and compared with resources. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from admin_service.scim.attributes import Json
from admin_service.scim.errors import ScimError

MAX_CHARACTERS: Final = 1_000
_MAX_DEPTH: Final = 20
_TOKEN: Final = re.compile(r'\s*([()\[\]]|"(?:\\.|[^"\\])*"|[^\s()\[\]"]+)')
_ATTRIBUTE: Final = re.compile(r"[A-Za-z$][A-Za-z0-9_$-]*(\.[A-Za-z$][A-Za-z0-9_$-]*)?")
_ESCAPE: Final = re.compile(r"\\(.)")
_EXACT: Final = frozenset({"id", "externalid", "members.value"})

Matches = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`attribute operator value`."""

    attribute: str
    """`name` or `name.part`, in lower case and without the schema."""
    operator: str
    value: str | bool | float | None

    def __call__(self, resource: Mapping[str, Any]) -> bool:
        """Whether a value of the resource compares so."""
        values = list(values_of(resource, self.attribute))
        if self.operator == "pr":
            return any(value not in (None, "", [], {}) for value in values)
        if self.operator == "ne":
            return not any(self._compare("eq", value) for value in values)
        return any(self._compare(self.operator, value) for value in values)

    def _compare(self, operator: str, value: Json) -> bool:
        wanted = self.value
        if isinstance(wanted, str) and isinstance(value, str):
            if self.attribute not in _EXACT:
                value, wanted = value.casefold(), wanted.casefold()
            return bool(_TEXT_OPERATORS[operator](value, wanted))
        if isinstance(wanted, str) and isinstance(value, bool) and operator == "eq":
            return str(value).casefold() == wanted.casefold()
        return operator == "eq" and type(value) is type(wanted) and value == wanted


_TEXT_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "eq": lambda a, b: a == b,
    "co": lambda a, b: b in a,
    "sw": lambda a, b: a.startswith(b),
    "ew": lambda a, b: a.endswith(b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}
_OPERATORS: Final = frozenset({*_TEXT_OPERATORS, "ne", "pr"})


@dataclass(frozen=True, slots=True)
class ValuePath:
    """`attribute[filter]` with an optional part: elements of an attribute with several values."""

    attribute: str
    condition: Matches
    part: str = ""

    def __call__(self, resource: Mapping[str, Any]) -> bool:
        """Whether an element matches."""
        found = find(resource, self.attribute)
        return any(isinstance(one, dict) and self.condition(one) for one in found or ())


def values_of(resource: Mapping[str, Any], attribute: str) -> Iterator[Any]:
    """Yields the values of `name` or `name.part`. The value of an element is its part `value`."""
    name, _, part = attribute.partition(".")
    value = find(resource, name)
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield find(one, part or "value") if part or "value" in one else one
        elif one is not None and not part:
            yield one


def find(resource: Mapping[str, Any], name: str) -> Json:
    """Returns the value of an attribute whose name is given in lower case, or None."""
    return next((value for key, value in resource.items() if key.casefold() == name), None)


def parse_filter(text: str) -> Matches:
    """Returns a filter.

    Raises:
        ScimError: invalidFilter.
    """
    if len(text) > MAX_CHARACTERS:
        raise _invalid(f"has more than {MAX_CHARACTERS:,} characters")
    parser = _Parser(text)
    matches = parser.alternatives(0)
    parser.end()
    return matches


def parse_path(text: str) -> ValuePath | str:
    """Returns the path of a PATCH: an attribute in lower case, or elements of one.

    Raises:
        ScimError: invalidPath.
    """
    if len(text) > MAX_CHARACTERS:
        raise ScimError(400, f"A path has at most {MAX_CHARACTERS:,} characters.", "invalidPath")
    try:
        parser = _Parser(text)
        name = parser.attribute()
        if parser.peek() is None:
            return name
        path = parser.value_path(name, 0)
        parser.end()
    except ScimError as error:
        raise ScimError(400, f"The path {text[:100]!r} cannot be read: {error.message}", "invalidPath") from error
    return path


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._at = 0
        position, text = 0, text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _invalid("has a string without an end")
            self._tokens.append(match[1])
            position = match.end()

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise _invalid("ends too early")
        self._at += 1
        return token

    def end(self) -> None:
        if (token := self.peek()) is not None:
            raise _invalid(f"has {token[:50]!r} where it should end")

    def alternatives(self, depth: int) -> Matches:
        if depth > _MAX_DEPTH:
            raise _invalid("is nested too deeply")
        terms = [self._all(depth)]
        while (self.peek() or "").casefold() == "or":
            self._take()
            terms.append(self._all(depth))
        return terms[0] if len(terms) == 1 else lambda resource: any(term(resource) for term in terms)

    def _all(self, depth: int) -> Matches:
        terms = [self._term(depth)]
        while (self.peek() or "").casefold() == "and":
            self._take()
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else lambda resource: all(term(resource) for term in terms)

    def _term(self, depth: int) -> Matches:
        if (self.peek() or "").casefold() == "not":
            self._take()
            if self.peek() != "(":
                raise _invalid("needs a parenthesis after `not`")
            inner = self._term(depth)
            return lambda resource: not inner(resource)
        if self.peek() == "(":
            self._take()
            inner = self.alternatives(depth + 1)
            self._expect(")")
            return inner
        name = self.attribute()
        return self.value_path(name, depth) if self.peek() == "[" else self._comparison(name)

    def value_path(self, name: str, depth: int) -> ValuePath:
        self._expect("[")
        condition = self.alternatives(depth + 1)
        self._expect("]")
        part = self.peek() or ""
        if part.startswith("."):
            self._take()
            return ValuePath(name, condition, part[1:].casefold())
        return ValuePath(name, condition)

    def attribute(self) -> str:
        token = self._take()
        plain = token.rpartition(":")[2] if token.casefold().startswith("urn:") else token
        if _ATTRIBUTE.fullmatch(plain) is None:
            raise _invalid(f"has {token[:50]!r} where an attribute should be")
        return plain.casefold()

    def _comparison(self, name: str) -> Comparison:
        operator = self._take().casefold()
        if operator not in _OPERATORS:
            raise _invalid(f"has the unknown operator {operator[:50]!r}")
        return Comparison(name, operator, None if operator == "pr" else _value(self._take()))

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise _invalid(f"lacks {token!r}")


def _value(token: str) -> str | bool | float | None:
    if token.startswith('"'):
        return _ESCAPE.sub(r"\1", token[1:-1])
    words = {"true": True, "false": False, "null": None}
    if token.casefold() in words:
        return words[token.casefold()]
    try:
        return float(token)
    except ValueError:
        raise _invalid(f"has {token[:50]!r} where a value should be; write strings in double quotes") from None


def _invalid(problem: str) -> ScimError:
    return ScimError(400, f"The filter {problem}.", "invalidFilter")
