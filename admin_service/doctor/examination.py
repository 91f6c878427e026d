"""Examines the services whose settings are in the environment."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from admin_service.doctor.certificates import POSTGRES, REDIS, examine_certificates
from admin_service.doctor.findings import Finding, Verdict
from admin_service.doctor.live import FOLDER, examine_live
from admin_service.doctor.masking import named_files, secrets_in, shown_settings
from admin_service.doctor.postgres import examine_postgres
from admin_service.doctor.postgres_places import examine_places
from admin_service.doctor.redis import examine_redis
from gateway_core.model.catalog_file import CatalogError, load_catalog
from gateway_core.runtime.settings import (
    SETTINGS_BY_SERVICE,
    AdminSettings,
    DatabaseSettings,
    ServiceSettings,
    SettingsError,
    load_settings,
)

DISK_FREE_BYTES: Final = 2_000_000_000


@dataclass(frozen=True)
class Examination:
    """What was found about one service, and its settings as they may be shown."""

    service: str
    findings: Sequence[Finding]
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def configured(environment: Mapping[str, str]) -> list[str]:
    """Returns the services whose settings are complete, or the one whose own variables are there."""
    found = []
    for service, settings in SETTINGS_BY_SERVICE.items():
        try:
            load_settings(settings, environment)
        except SettingsError:
            continue
        found.append(service)
    return found


async def examine(service: str, environment: Mapping[str, str]) -> Examination:
    """Returns what is found with the settings of a service."""
    try:
        settings = load_settings(SETTINGS_BY_SERVICE[service], environment)
    except SettingsError as error:
        return Examination(service, [Finding("settings", Verdict.FAULT, str(error))])
    findings = [Finding("settings", Verdict.OK, "complete"), *_files(settings)]
    if isinstance(settings, DatabaseSettings):
        role = f"megarouter_{service}"
        url = settings.database_url.get_secret_value()
        findings += examine_certificates("postgres", url, POSTGRES)
        findings += await examine_postgres(url, role)
        findings += await examine_places(settings, role)
    redis_url = getattr(settings, "redis_url", None)
    if redis_url is not None:
        findings += examine_certificates("redis", redis_url.get_secret_value(), REDIS)
        findings += await examine_redis(redis_url.get_secret_value())
    if isinstance(settings, AdminSettings):
        findings += await examine_live(settings)
    return Examination(service, findings, shown_settings(settings), secrets_in(environment, settings))


def _files(settings: ServiceSettings) -> Iterator[Finding]:
    for variable, path in named_files(settings).items():
        if variable.endswith("_JOURNAL_FILE"):
            yield _journal(variable, path)
        elif variable == FOLDER:
            continue  # see `examine_live`
        elif not os.access(path, os.R_OK):
            yield Finding(variable, Verdict.FAULT, f"{path} cannot be read")
        elif variable.endswith("_CATALOG_FILE"):
            yield _catalog(variable, path)
        else:
            yield Finding(variable, Verdict.OK, f"{path} can be read")


def _journal(variable: str, path: Path) -> Finding:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return Finding(variable, Verdict.FAULT, f"{path.parent} cannot be written, so the journal is never rotated")
    free = shutil.disk_usage(path.parent).free
    text = f"{free / 1e9:.1f} GB are free on its disk"
    return Finding(variable, Verdict.OK if free >= DISK_FREE_BYTES else Verdict.WARNING, text)


def _catalog(variable: str, path: Path) -> Finding:
    try:
        catalog = load_catalog(path)
    except CatalogError as error:
        return Finding(variable, Verdict.FAULT, str(error))
    return Finding(variable, Verdict.OK, f"{len(catalog.providers)} providers, {len(catalog.models)} models")
