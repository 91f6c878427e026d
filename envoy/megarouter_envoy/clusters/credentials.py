"""Files that contain the providers' secrets."""

import os
from pathlib import Path

from gateway_core.contract import headers
from megarouter_envoy.options import Credential

# Providers that do not accept `Authorization: Bearer`.
HEADER_OF_DIALECT = {"anthropic": (headers.ANTHROPIC_API_KEY, ""), "gemini": (headers.GEMINI_API_KEY, "")}
DEFAULT_HEADER = ("authorization", "Bearer ")
_AWS_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def write_secret_file(path: Path, secret: str) -> None:
    """Writes `secret` to `path` with mode 0600, atomically replacing an existing file.

    Raises:
        ValueError: the secret is empty or cannot be a header value.
    """
    if not secret or not secret.isascii() or not secret.isprintable():
        raise ValueError("a provider's secret must be printable ASCII without line breaks")
    _write_private(path, secret)


def write_aws_access_key(path: Path, access_key: str) -> None:
    """Writes an access key in the form that AWS calls shared credentials, as `write_secret_file` writes a secret.

    Args:
        path: the file.
        access_key: `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, with `:SESSION_TOKEN` if it is temporary.

    Raises:
        ValueError: it has another form.
    """
    words = access_key.split(":")
    if len(words) not in {2, 3} or not all(word and word.isascii() and word.isprintable() for word in words):
        raise ValueError("an AWS access key is ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN if it is temporary")
    lines = [f"{name} = {word}" for name, word in zip(_AWS_FIELDS, words, strict=False)]
    _write_private(path, "\n".join(["[default]", *lines]) + "\n")


def _write_private(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="ascii") == text:  # Envoy reads a replaced file again
        return
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        if os.geteuid() == 0:  # Envoy may run as another user, who owns the folder
            folder = path.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    partial.replace(path)


def credential_for(dialect: str, secret_file: Path) -> Credential:
    """Returns the credential of a provider whose own API is `dialect`: `openai`, `anthropic` or `gemini`."""
    header, prefix = HEADER_OF_DIALECT.get(dialect, DEFAULT_HEADER)
    return Credential(header=header, prefix=prefix, secret_file=secret_file)
