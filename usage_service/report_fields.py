"""What both forms of a report have in common: how strangers' values become fields of a `CallReport`."""

from collections.abc import Mapping
from typing import Final

from gateway_core.domain.ids import is_valid_id
from gateway_core.domain.scopes import Scope, ScopeKind

MAX_TOKEN_LENGTH: Final = 16_384
"""Longer than any hold token: a longer text is none."""

_MAX_SCOPES_LENGTH: Final = 1_000
_KINDS: Final = {str(kind): kind for kind in ScopeKind}

NO_VALUE: Final = "-"
"""How Envoy writes that it has no value."""


class MalformedReportError(Exception):
    """The entry is not one that Envoy writes; the message never quotes it."""


def facts_of(values: Mapping[str, object]) -> dict[str, object]:
    """Extracted facts with numbers in one form: Envoy holds them as doubles, JSON writes whole ones as integers."""
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def checked_token(value: object) -> str:
    """The hold token.

    Raises:
        MalformedReportError: it is missing, no text, or too long.
    """
    if not isinstance(value, str) or not value or len(value) > MAX_TOKEN_LENGTH:
        raise MalformedReportError("the report has no hold token")
    return value


def shadow_scopes(value: object) -> frozenset[Scope]:
    """The scopes that ratelimit_service named (`Scope.encode`), separated by commas; whatever is none is left out."""
    names = value.split(",") if isinstance(value, str) and len(value) <= _MAX_SCOPES_LENGTH else ()
    parts = (name.partition(":") for name in names)
    return frozenset(
        Scope(_KINDS[kind], scope_id) for kind, _, scope_id in parts if kind in _KINDS and is_valid_id(scope_id)
    )


def optional_text(value: str | None) -> str | None:
    """The text, or None for Envoy's signs of absence."""
    return None if value in {None, "", NO_VALUE} else value
