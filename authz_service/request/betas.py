"""The flags of provider features in test (`anthropic-beta`, `openai-beta`), of which only those in the catalog go on.

A flag may change what a call costs, so a provider receives no flag that its entry in the catalog does not list. The others
are removed, never refused, because SDKs and agents send many that they do not need. A header of the answer lists
those that were removed.
"""

import re
from collections.abc import Iterator
from typing import Final

from authz_service.request.call import Call
from gateway_core.contract.headers import BETA_OF_DIALECT
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.endpoints import Dialect
from gateway_core.model.record_decorator import record

_SHOWN_FLAGS: Final = 32
_FLAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=:-]{0,127}")
_UNNAMED: Final = "?"


@record(frozen=True, slots=True)
class Betas:
    """The flags of one call."""

    header: str
    """The name of the header that carries them."""
    kept: str
    """The value that the provider receives; empty if the header is removed."""
    removed: tuple[str, ...]
    """The flags that it does not receive, at most 32 of them. One that could not be shown in a header is `?`."""


def read_betas(call: Call, dialect: Dialect, provider: Provider) -> Betas | None:
    """Returns the flags of a call in the caller's dialect, or None if it has none."""
    name = BETA_OF_DIALECT.get(dialect)
    if name is None or name not in dict(call.headers):  # the common case
        return None
    flags = dict.fromkeys(_flags(call, name))
    if not flags:
        return None
    removed = dict.fromkeys(flag if _FLAG.fullmatch(flag) else _UNNAMED for flag in flags if flag not in provider.betas)
    kept = ",".join(flag for flag in flags if flag in provider.betas)
    return Betas(name, kept, tuple(removed)[:_SHOWN_FLAGS])


def _flags(call: Call, name: str) -> Iterator[str]:
    for header, value in call.headers:
        if header == name:
            yield from (flag for part in value.decode("latin-1").split(",") if (flag := part.strip()))
