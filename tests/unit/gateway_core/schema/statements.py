"""Splits a migration into its statements, with what the rules look at and nothing else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway_core.schema.files import Migration

_PIECE = re.compile(
    r"""
    (?P<line_comment>--[^\n]*)
    | (?P<comment>/\*)
    | (?P<body>(?<!\w)\$(?P<tag>(?:[a-z_]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<text>\be'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<end>;)
    | (?P<other>\w+|[^-/$'";\w]+|.)
    """,
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """One statement: lowercase, on one line, without comments, texts, quotes of names and bodies of functions."""

    migration: str
    line: int
    sql: str


def statements(migration: Migration) -> Iterator[Statement]:
    """Yields the statements of a migration."""
    sql, place, start, parts = migration.sql, 0, 0, list[str]()
    while piece := _PIECE.match(sql, place):
        place = _end_of_comment(sql, piece.start()) if piece["comment"] else piece.end()
        if piece["end"]:
            yield Statement(migration.name, start, _normal(parts))
            parts = []
            continue
        shown = _shown(piece)
        if not parts and shown.strip():
            start = sql.count("\n", 0, piece.end() - len(piece[0].lstrip())) + 1
        if parts or shown.strip():
            parts.append(shown)
    if parts:
        yield Statement(migration.name, start, _normal(parts))


def _end_of_comment(sql: str, start: int) -> int:
    """Returns where a comment ends. PostgreSQL nests them."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def _shown(piece: re.Match[str]) -> str:
    if piece["line_comment"] or piece["comment"]:
        return " "
    if piece["body"]:
        return "$$"
    if piece["text"]:
        return "''"
    return re.sub(r"\W", "_", piece[0][1:-1]) if piece["quoted"] else piece[0]


def _normal(parts: list[str]) -> str:
    return " ".join(re.sub(r"\bpublic\.", "", "".join(parts).lower()).split())


def clauses(statement: str) -> list[str]:
    """Splits at the commas that are not in parentheses: the actions of an ALTER TABLE."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(statement):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            found.append(statement[start:place].strip())
            start = place + 1
    return [*found, statement[start:].strip()]
