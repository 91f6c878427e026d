"""Writes a bundle for support: what was found, settings without secrets, versions and metrics."""

import io
import json
import os
import platform
import tarfile
import urllib.request
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from admin_service.doctor.examination import Examination
from admin_service.doctor.masking import without_secrets

_METRICS: Final = "MEGAROUTER_METRICS_LISTEN"
_METRICS_TIMEOUT_S: Final = 5.0
_METRICS_MAX_BYTES: Final = 16 * 1024 * 1024


def write_bundle(
    file: Path, examinations: Sequence[Examination], environment: Mapping[str, str], now_epoch_s: int
) -> None:
    """Writes a compressed archive with mode 0600. Every text is searched for the secrets of the settings.

    Raises:
        OSError: the file exists already, or cannot be written.
    """
    secrets = tuple(secret for one in examinations for secret in one.secrets)
    texts = {
        "findings.json": _json([_findings(one) for one in examinations]),
        "settings.json": _json({one.service: dict(one.settings) for one in examinations}),
        "versions.json": _json(_versions()),
        "metrics.txt": _metrics(environment.get(_METRICS)),
    }
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in texts.items():
            content = without_secrets(text, secrets).encode()
            member = tarfile.TarInfo(f"megarouter-support/{name}")
            member.size, member.mtime, member.mode = len(content), now_epoch_s, 0o600
            archive.addfile(member, io.BytesIO(content))


def _findings(examination: Examination) -> dict[str, object]:
    found = [{"subject": one.subject, "verdict": one.verdict, "text": one.text} for one in examination.findings]
    return {"service": examination.service, "findings": found}


def _versions() -> dict[str, object]:
    packages = {package.metadata["Name"]: package.version for package in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": dict(sorted(packages.items())),
    }


def _metrics(listen: str | None) -> str:
    """Returns the page of the process beside this one; or why there is none."""
    if listen is None:
        return f"{_METRICS} is not set\n"
    port = listen.rpartition(":")[2]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_METRICS_TIMEOUT_S) as answer:
            return str(answer.read(_METRICS_MAX_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        return f"metrics at port {port} cannot be read: {type(error).__name__}\n"


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
