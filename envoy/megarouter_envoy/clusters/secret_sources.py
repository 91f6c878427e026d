"""The secrets that Envoy sends: where it reads them, and how it notices that a file was replaced.

Envoy reads a secret of its bootstrap once. A secret that comes from a source of its own (SDS) is read again when its file is
replaced by a rename. Such a source is a small file that names the secret's file. It contains no secret and never changes.
"""

import json
from pathlib import Path
from typing import Final

from betterproto2 import Casing
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.transport_sockets.tls import v3 as tls

from megarouter_envoy.options import BootstrapOptions, ProviderTarget

EDGE_SECRET: Final = "edge-secret"  # noqa: S105 - its name
_SECRET_TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type


def secret_files(options: BootstrapOptions) -> dict[str, Path]:
    """Returns the file of each secret by the secret's name."""
    targets = options.providers
    files = {secret_name(target): target.sent_secret.secret_file for target in targets if target.sent_secret}
    return {EDGE_SECRET: options.edge_secret_file, **files}


def secret_name(target: ProviderTarget) -> str:
    """Returns the name of a provider's credential in the configuration."""
    return f"credential-{target.name}"


def generic_secret(name: str, file: Path) -> tls.Secret:
    """Returns a secret that Envoy reads from a file."""
    return tls.Secret(name=name, generic_secret=tls.GenericSecret(secret=core.DataSource(filename=str(file))))


def source_file(folder: Path, name: str) -> Path:
    """Returns the file that is the source of a secret."""
    return folder / f"{name}.json"


def write_secret_sources(options: BootstrapOptions) -> None:
    """Writes the sources of all secrets, if the options name a folder for them. Call it before Envoy starts.

    Raises:
        OSError: a file cannot be written.
    """
    folder = options.secret_sources_folder
    if folder is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, file in secret_files(options).items():
        resource = {"@type": _SECRET_TYPE, **generic_secret(name, file).to_dict(casing=Casing.SNAKE)}
        text = json.dumps({"resources": [resource]}, indent=2, sort_keys=True) + "\n"
        source = source_file(folder, name)
        if not source.exists() or source.read_text(encoding="utf-8") != text:
            source.write_text(text, encoding="utf-8")
