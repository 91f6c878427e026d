"""The file that keeps the secrets of the demo organization. The database has only their hashes."""

import json
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from admin_service.demo.content import OPERATOR_TOKEN
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY, SECRET_BYTES


class SecretFileError(Exception):
    """The file exists but cannot be used. The message says what to do and quotes none of the content."""


@dataclass(frozen=True)
class DemoSecrets:
    """The secrets of access tokens and of keys, by their ids."""

    access_tokens: dict[str, str]
    api_keys: dict[str, str]


def load_or_create(
    path: Path,
    key_ids: Iterable[str],
    token_ids: Iterable[str],
    random_bytes: Callable[[int], bytes],
    *,
    ended_token_ids: Collection[str] = (),
) -> DemoSecrets:
    """Returns the secrets in the file. Missing ones are generated, and saved before they are returned.

    Args:
        path: the file.
        key_ids: ids of the keys.
        token_ids: ids of the access tokens.
        random_bytes: returns this many random bytes.
        ended_token_ids: ids of access tokens that get a new secret, because somebody revoked the old one.

    Raises:
        SecretFileError: other users can access the file, or its content is not demo secrets.
    """
    known = _read(path)
    kept = {
        token: secret
        for token, secret in (known.access_tokens if known else {}).items()
        if token not in ended_token_ids
    }
    secrets = DemoSecrets(
        access_tokens={
            token_id: kept.get(token_id) or ACCESS_TOKEN.make(random_bytes(SECRET_BYTES)) for token_id in token_ids
        },
        api_keys={
            key_id: (known and known.api_keys.get(key_id)) or API_KEY.make(random_bytes(SECRET_BYTES))
            for key_id in key_ids
        },
    )
    if secrets != known:
        _write(path, secrets)
    return secrets


def _read(path: Path) -> DemoSecrets | None:
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SecretFileError(f"{path} must not be accessible to other users: chmod 600 it, or remove it")
            content = json.load(file)
        api_keys = {str(key_id): str(key) for key_id, key in dict(content["api_keys"]).items()}
        # A home from before there was more than one token has only that of the operator.
        tokens = content.get("access_tokens") or {OPERATOR_TOKEN.token_id: content["admin_token"]}
        secrets = DemoSecrets({str(token_id): str(token) for token_id, token in dict(tokens).items()}, api_keys)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SecretFileError(f"{path} is not a file of demo secrets: remove it to get new ones") from None
    if not (
        all(map(ACCESS_TOKEN.is_well_formed, secrets.access_tokens.values()))
        and all(map(API_KEY.is_well_formed, secrets.api_keys.values()))
    ):
        raise SecretFileError(f"{path} contains an invalid secret: remove it to get new ones")
    return secrets


def _write(path: Path, secrets: DemoSecrets) -> None:
    """Replaces the file atomically: after a crash it is the old or the new one."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"access_tokens": secrets.access_tokens, "api_keys": secrets.api_keys}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
