"""Writes the secrets that Envoy and token_service read from files."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from megarouter_envoy.clusters.credentials import write_aws_access_key, write_secret_file
from megarouter_envoy.gateway.folder import EnvoyFolder
from megarouter_envoy.settings.providers import Route, is_aws

_NO_TOKEN_YET: Final = "no-token-yet"  # noqa: S105 - every provider refuses it


def write_credentials(folder: EnvoyFolder, routes: Sequence[Route]) -> None:
    """Writes the credentials of providers, and removes those that are no longer set."""
    wants_token = {route.name for route in routes if route.wants_token}
    _remove_others(folder.credentials, wants_token)  # a token outlives a restart
    _remove_others(folder.token_credentials, set())
    for route in routes:
        if route.credential is None or route.has_aws_environment or route.credential_file is not None:
            continue
        if route.wants_token:
            _write_token_files(folder, route.name, route.credential)
            continue
        write = write_aws_access_key if is_aws(route.authentication) else write_secret_file
        write(folder.credentials / route.name, route.credential)


def token_sources(folder: EnvoyFolder, routes: Sequence[Route]) -> str:
    """Returns what token_service reads: a JSON array of the tokens to fetch."""
    sources = [
        {
            "target": route.name,
            "authentication": route.authentication,
            "credential_file": str(folder.token_credentials / route.name),
            "token_file": str(folder.credentials / route.name),
        }
        for route in routes
        if route.wants_token
    ]
    return json.dumps(sources, indent=2) + "\n"


def _remove_others(folder: Path, kept: Collection[str]) -> None:
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()


def _write_token_files(folder: EnvoyFolder, name: str, credential: str) -> None:
    """Writes what token_service needs for a token, and what Envoy finds before the first one."""
    write_secret_file(folder.token_credentials / name, credential)
    if not (folder.credentials / name).exists():
        write_secret_file(folder.credentials / name, _NO_TOKEN_YET)
