"""Settings as they may be shown: where a service connects to, and never with what."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from pydantic import SecretStr

from gateway_core.runtime.settings import PREFIX, ServiceSettings

MASK: Final = "***"
_PASSWORD: Final = re.compile(r"://[^@]*?:(.*)@")
_URL: Final = re.compile(r"(?P<scheme>[a-z+]+)://(?:.*@)?(?P<place>[^?#]*)", re.DOTALL)
_SHORTEST_SEARCHED: Final = 8
"""A shorter value could be part of any word."""


def shown_settings(settings: ServiceSettings) -> dict[str, str]:
    """Returns every setting by variable, with defaults. Of a URL only scheme, host and database are shown."""
    return {f"{PREFIX}{name.upper()}": _shown(getattr(settings, name)) for name in type(settings).model_fields}


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if not isinstance(value, SecretStr):
        return str(value)
    return masked_url(value.get_secret_value())


def masked_url(text: str) -> str:
    """Returns a URL without user, password and options, and the mask for everything else."""
    match = _URL.fullmatch(text.partition("?")[0].partition("#")[0])
    return MASK if match is None else f"{match['scheme']}://{MASK}@{match['place']}"


def secrets_in(environment: Mapping[str, str], settings: ServiceSettings) -> tuple[str, ...]:
    """Returns the secrets of a service's settings, to search for them in what is given away: whole, and passwords of URLs."""
    found = []
    for name in type(settings).model_fields:
        if isinstance(getattr(settings, name), SecretStr):
            value = environment.get(f"{PREFIX}{name.upper()}", "")
            password = _PASSWORD.search(value)
            found += [value, *((password[1], unquote(password[1])) if password else ())]
    return tuple(secret for secret in found if len(secret) >= _SHORTEST_SEARCHED)


def without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    """Returns a text in which every secret is masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def named_files(settings: ServiceSettings) -> dict[str, Path]:
    """Returns the files and folders that settings name, by variable."""
    values = {f"{PREFIX}{name.upper()}": getattr(settings, name) for name in type(settings).model_fields}
    return {name: value for name, value in values.items() if isinstance(value, Path)}
