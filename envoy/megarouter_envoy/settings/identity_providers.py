"""Reads the file of identity providers that `MEGAROUTER_IDENTITY_PROVIDERS_FILE` names."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway_core.model.organization.issuer_fields import IssuerFields
from gateway_core.model.validation_problems import problems_of
from megarouter_envoy.options import IdentityProvider
from megarouter_envoy.settings.variables import IDENTITY_PROVIDERS_FILE

MAX_FILE_BYTES = 64 * 1024

_Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[!-~]+$")]


class IdentityProvidersError(Exception):
    """The file cannot be used. The message names it and says what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Entry(IssuerFields):
    """An OpenID Connect issuer whose tokens the admin API accepts."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    issuer: _Text
    audiences: Annotated[list[_Text], Field(min_length=1, max_length=20)]
    """The claim `aud` must contain one of these. The admin API refuses tokens issued for other applications."""
    jwks_uri: _Text | None = None
    """The URL of its keys: `https://`, or `http://` on the loopback interface."""
    jwks_file: _Text | None = None
    """Alternatively, the absolute path of a file with its keys."""
    jwks_cache_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How long Envoy caches its keys, and so how long a change of keys may go unnoticed."""
    cli_client_id: _Text | None = None
    """As which application `megarouter login` signs in: a public client, and one of the audiences. None: people name one."""

    console_client_id: _Text | None = None
    """As which application people sign in to the console: a public client, and one of the audiences. None: they cannot."""

    @model_validator(mode="after")
    def _has_one_source_of_keys(self) -> Self:
        if (self.jwks_uri is None) == (self.jwks_file is None):
            raise ValueError("give either jwks_uri or jwks_file")
        if self.jwks_uri is not None and not _is_trustworthy(self.jwks_uri):
            raise ValueError("jwks_uri must be an https:// address, or http:// on the loopback interface")
        if self.jwks_file is not None and not (Path(self.jwks_file).is_absolute() and Path(self.jwks_file).is_file()):
            raise ValueError("jwks_file must be the absolute path of a file")
        return self

    @model_validator(mode="after")
    def _accepts_its_clients(self) -> Self:
        for name, client in (("cli_client_id", self.cli_client_id), ("console_client_id", self.console_client_id)):
            if client is not None and client not in self.audiences:
                raise ValueError(f"{name} must be one of the audiences, because the ID token becomes the bearer token")
        return self


class _Document(_Strict):
    identity_providers: Annotated[list[_Entry], Field(max_length=50)]

    @model_validator(mode="after")
    def _has_no_name_or_issuer_twice(self) -> Self:
        for values in zip(*((provider.name, provider.issuer) for provider in self.identity_providers), strict=True):
            if len(set(values)) != len(values):
                raise ValueError("a name or an issuer occurs twice: remove one of the two entries")
        return self


def read_identity_providers(file: Path) -> tuple[IdentityProvider, ...]:
    """Returns the identity providers in a file, in file order.

    Raises:
        IdentityProvidersError: the path is not absolute, or the file cannot be read or is not valid.
    """
    if not file.is_absolute():
        raise IdentityProvidersError(f"{IDENTITY_PROVIDERS_FILE}: give the absolute path of the file")
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise IdentityProvidersError(f"{file}: the file is larger than {MAX_FILE_BYTES} bytes: make it smaller")
        return tuple(map(_identity_provider, _Document.model_validate(yaml.safe_load(content)).identity_providers))
    except OSError as error:
        raise IdentityProvidersError(f"{IDENTITY_PROVIDERS_FILE}: {file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problems = (f"{place or 'document'}: {problem}" for place, problem in problems_of(error))
        raise IdentityProvidersError(f"{file}: {'; '.join(problems)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise IdentityProvidersError(f"{file}: not valid YAML: {error}") from error


def _identity_provider(entry: _Entry) -> IdentityProvider:
    return IdentityProvider(
        entry.name,
        entry.issuer,
        tuple(entry.audiences),
        jwks_uri=entry.jwks_uri,
        jwks_file=Path(entry.jwks_file) if entry.jwks_file else None,
        cli_client_id=entry.cli_client_id,
        console_client_id=entry.console_client_id,
        jwks_cache_s=entry.jwks_cache_s,
    )


def _is_trustworthy(uri: str) -> bool:
    """Returns whether keys from this URL can be trusted. The server behind it decides which identity a token proves."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
