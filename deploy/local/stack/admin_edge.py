"""What the admin listener gets from the environment: origins of browsers, and who may vouch for users (OpenID Connect)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ALLOWED_ORIGINS = "MEGAROUTER_ADMIN_ALLOWED_ORIGINS"
IDENTITY_PROVIDERS_FILE = "MEGAROUTER_IDENTITY_PROVIDERS_FILE"
MAX_FILE_BYTES = 64 * 1024
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)

_Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[!-~]+$")]


class AdminEdgeError(Exception):
    """A setting of the admin listener cannot be used; the message names it and says what to change."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class IdentityProvider(_Strict):
    """An issuer of OpenID Connect whose tokens the admin API accepts."""

    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    issuer: _Text
    """Exactly the claim `iss` of its tokens."""
    audiences: Annotated[list[_Text], Field(min_length=1, max_length=20)]
    """One of them must be in the claim `aud`: a token made for another application is none for us."""
    jwks_uri: _Text | None = None
    """Where it publishes its keys: `https://`, or `http://` on the loopback interface."""
    jwks_file: _Text | None = None
    """Or a file with its keys, by its absolute path."""
    jwks_cache_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How late a change of its keys is noticed."""

    @model_validator(mode="after")
    def _has_one_source_of_keys(self) -> Self:
        if (self.jwks_uri is None) == (self.jwks_file is None):
            raise ValueError("give either jwks_uri or jwks_file")
        if self.jwks_uri is not None and not _is_trustworthy(self.jwks_uri):
            raise ValueError("jwks_uri must be an https:// address, or http:// on the loopback interface")
        if self.jwks_file is not None and not (Path(self.jwks_file).is_absolute() and Path(self.jwks_file).is_file()):
            raise ValueError("jwks_file must be the absolute path of a file")
        return self


class _Document(_Strict):
    identity_providers: Annotated[list[IdentityProvider], Field(max_length=50)]

    @model_validator(mode="after")
    def _has_no_name_or_issuer_twice(self) -> Self:
        for values in zip(*((provider.name, provider.issuer) for provider in self.identity_providers), strict=True):
            if len(set(values)) != len(values):
                raise ValueError("a name or an issuer occurs twice")
        return self


@dataclass(frozen=True)
class AdminEdge:
    """What Envoy must know for the admin listener."""

    allowed_origins: tuple[str, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()


def admin_edge(environment: Mapping[str, str]) -> AdminEdge:
    """The settings of the admin listener.

    Raises:
        AdminEdgeError: one of them cannot be used.
    """
    file = environment.get(IDENTITY_PROVIDERS_FILE)
    return AdminEdge(_origins(environment.get(ALLOWED_ORIGINS, "")), _identity_providers(Path(file)) if file else ())


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin for part in text.split(",") if (origin := part.strip()))
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise AdminEdgeError(
                f"{ALLOWED_ORIGINS}: {origin!r} is no origin: write scheme, host and port, such as https://console.example"
            )
    return origins


def _identity_providers(file: Path) -> tuple[IdentityProvider, ...]:
    if not file.is_absolute():
        raise AdminEdgeError(f"{IDENTITY_PROVIDERS_FILE}: give the absolute path of the file")
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise AdminEdgeError(f"{file}: larger than {MAX_FILE_BYTES} bytes")
        return tuple(_Document.model_validate(yaml.safe_load(content)).identity_providers)
    except OSError as error:
        raise AdminEdgeError(f"{IDENTITY_PROVIDERS_FILE}: {file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors())
        raise AdminEdgeError(f"{file}: {'; '.join(problems)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AdminEdgeError(f"{file}: is not YAML: {error}") from error


def _is_trustworthy(uri: str) -> bool:
    """Whoever answers at this address decides who is who."""
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
