"""Examines what changing providers while Envoy runs needs: the key of their credentials, and the folder shared with Envoy."""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg

from admin_service.doctor.findings import Finding, Verdict
from admin_service.resources.catalog_changes.sealed import SealedCredential, sealed_credentials
from admin_service.resources.catalog_changes.sealing import CredentialKeys
from gateway_core.model.deployments.live_configuration import OPTIONS_FILE
from gateway_core.runtime.settings import AdminSettings, key_bytes
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import UNAVAILABLE

KEY: Final = "MEGAROUTER_CREDENTIAL_KEY"
FOLDER: Final = "MEGAROUTER_LIVE_FOLDER"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_TIMEOUT_S: Final = 5.0
_FINGERPRINT_DIGITS: Final = 8
_MOST_NAMED: Final = 5


async def examine_live(settings: AdminSettings) -> list[Finding]:
    """Returns what is found. It writes nothing."""
    return [*_folder(settings), *await _key(settings)]


async def _key(settings: AdminSettings) -> list[Finding]:
    try:
        sealed = await _read(settings.database_url.get_secret_value())
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        return [Finding(KEY, Verdict.WARNING, f"cannot be tried without the database: {type(error).__name__}")]
    if settings.credential_key is not None:
        previous = settings.previous_credential_key
        previous_key = None if previous is None else key_bytes(previous)
        return [_with_key(key_bytes(settings.credential_key), previous_key, sealed)]
    if sealed:
        text = (
            f"not set, but the database has {len(sealed)} sealed credentials: set the key that the other gateways have"
        )
        return [Finding(KEY, Verdict.FAULT, text)]
    if settings.discovery_listen is not None:
        text = "not set, so no credential of a provider can be set: set what `openssl rand -hex 32` prints on every gateway"
        return [Finding(KEY, Verdict.WARNING, text)]
    return []


async def _read(url: str) -> list[SealedCredential]:
    connection = await connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S, statement_cache_size=0)
    try:
        return await sealed_credentials(connection)
    finally:
        connection.terminate()


def _with_key(key: bytes, previous: bytes | None, sealed: Sequence[SealedCredential]) -> Finding:
    closed = _unopened(key, sealed)
    lost = closed if previous is None else _unopened(previous, closed)
    if lost:
        names = ", ".join(map(_name, lost[:_MOST_NAMED])) + (
            f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        )
        advice = "a gateway with another key has sealed them. Set the same key on every gateway, or set the credentials again"
        return Finding(KEY, Verdict.FAULT, f"does not open the credentials of {names}: {advice}")
    text = f"opens all {len(sealed)} credentials; its fingerprint {_fingerprint(key)} must be the same on every gateway"
    if closed:
        text += f". {len(closed)} still need the previous key: keep it until admin_service has sealed them again"
    return Finding(KEY, Verdict.OK, text)


def _name(one: SealedCredential) -> str:
    provider, organization = one.place.provider, one.place.organization
    return f"{organization} at {provider}" if organization else provider


def _unopened(key: bytes, sealed: Sequence[SealedCredential]) -> list[SealedCredential]:
    keys, found = CredentialKeys((key,), secrets.token_bytes), []
    for one in sealed:
        try:
            keys.open(one.sealed, one.place)
        except SealError:
            found.append(one)
    return found


def _fingerprint(key: bytes) -> str:
    """Returns digits by which people can compare keys. They reveal nothing of it."""
    return hmac.new(key, b"megarouter doctor\0credential key", hashlib.sha256).hexdigest()[:_FINGERPRINT_DIGITS]


def _folder(settings: AdminSettings) -> list[Finding]:
    folder = settings.live_folder
    if folder is None:
        if settings.discovery_listen is None:
            return []
        text = "not set, which MEGAROUTER_DISCOVERY_LISTEN needs: name the directory `live` in that of Envoy's configuration"
        return [Finding(FOLDER, Verdict.FAULT, text)]
    try:
        mode = folder.stat().st_mode
    except OSError as error:
        return [
            Finding(FOLDER, Verdict.FAULT, f"{folder} ({error.strerror}): share the directory of Envoy's configuration")
        ]
    return [_of_directory(folder, mode)]


def _of_directory(folder: Path, mode: int) -> Finding:
    if not stat.S_ISDIR(mode) or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(FOLDER, Verdict.FAULT, f"{folder} cannot be written: run as the user of Envoy, who owns it")
    if not (folder / OPTIONS_FILE).is_file():
        text = f"{folder} has no {OPTIONS_FILE}: make Envoy's configuration first, and share its directory with admin_service"
        return Finding(FOLDER, Verdict.FAULT, text)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"other users may look into {folder}, which has credentials: chmod 700"
        return Finding(FOLDER, Verdict.FAULT, text)
    kind = _filesystem(folder)
    if kind not in _IN_MEMORY:
        text = f"{folder} is on a disk ({kind}), which then has credentials of providers: use a file system in memory (tmpfs)"
        return Finding(FOLDER, Verdict.WARNING, text)
    return Finding(FOLDER, Verdict.OK, f"{folder} is in memory, and only its owner may look into it")


def _filesystem(folder: Path) -> str:
    """Returns the kind of file system, or `unknown`."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    kinds = (line.partition(" - ")[2].split()[0] for line in lines if line.split()[2] == wanted)
    return next(kinds, "unknown")
