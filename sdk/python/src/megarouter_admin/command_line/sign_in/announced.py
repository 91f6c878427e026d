"""The identity providers that an address of the admin API accepts, as it announces them without a sign-in."""

import http.client
import os
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from megarouter_admin.command_line.rendering.characters import visible
from megarouter_admin.command_line.sign_in.provider import exchange, headers

PATH: Final = "/.well-known/megarouter"
_MOST: Final = 50
_LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Announced:
    """An identity provider."""

    issuer: str
    client_id: str
    """As which application to sign in there; empty if the operators configured none."""


def announced(url: str) -> tuple[Announced, ...]:
    """Asks an address for its identity providers. An older gateway announces none.

    Raises:
        CommandError: the address does not answer.
    """
    request = urllib.request.Request(f"{url.rstrip('/')}{PATH}", headers=headers())  # noqa: S310 - the address of the admin API
    authorities = os.environ.get("MEGAROUTER_CA_FILE") or None
    status, document = exchange(request, "the admin API", "MEGAROUTER_ADMIN_URL", authorities)
    listed = document.get("identity_providers") if isinstance(document, dict) else None
    if status != http.client.OK or not isinstance(listed, list):
        return ()
    return tuple(Announced(_text(one, "issuer"), _text(one, "cli_client_id")) for one in listed[:_MOST])


def chosen(known: Sequence[Announced], issuer: str) -> Announced:
    """Returns the provider to sign in at: that of the issuer, otherwise the only one that has an application.

    Raises:
        ValueError: several have one.
    """
    if issuer:
        return next((one for one in known if one.issuer == issuer), Announced(issuer, ""))
    ready = [one for one in known if one.client_id]
    if len(ready) > 1:
        issuers = ", ".join(visible(one.issuer) for one in ready)
        raise ValueError(f"several identity providers: choose one with --issuer: {issuers}")
    if ready:
        return ready[0]
    return known[0] if len(known) == 1 else Announced("", "")


def _text(fields: Any, name: str) -> str:  # noqa: ANN401 - decoded JSON
    text = fields.get(name, "") if isinstance(fields, dict) else ""
    is_usable = isinstance(text, str) and len(text) <= _LONGEST_TEXT and text.isascii() and text.isprintable()
    return text if is_usable else ""
