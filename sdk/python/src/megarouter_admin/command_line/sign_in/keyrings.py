"""The keyring of the system, if there is one that encrypts. The optional package `keyring` speaks to it."""

import json
from typing import Any, Final

from megarouter_admin.command_line.sign_in.records import Secrets, fields_of, secrets_in

_SERVICE: Final = "megarouter"
_TRUSTED: Final = (
    "keyring.backends.macOS",
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
)
"""The backends that keep secrets encrypted. Others, such as plaintext files, are not used."""


def system_keyring() -> Any | None:  # noqa: ANN401 - a class of an optional package
    """Returns the backend of the system's keyring, or None if there is no package or no backend that encrypts."""
    try:
        import keyring  # noqa: PLC0415 - optional
    except ImportError:
        return None
    try:
        return trusted(keyring.get_keyring())
    except Exception:  # noqa: BLE001 - whatever a backend raises, there is none to use
        return None


def trusted(backend: Any) -> Any | None:  # noqa: ANN401 - see `system_keyring`
    """Returns the backend, or the first one in a chain of them, that encrypts; None if none does."""
    name = type(backend).__module__
    if name == "keyring.backends.chainer":
        return next((one for one in backend.backends if trusted(one) is not None), None)
    return backend if name.startswith(_TRUSTED) else None


def keep(backend: Any, address: str, secrets: Secrets) -> bool:  # noqa: ANN401 - see `system_keyring`
    """Stores secrets, and returns whether the keyring took them: it may be locked."""
    try:
        backend.set_password(_SERVICE, address, json.dumps(fields_of(secrets)))
    except Exception:  # noqa: BLE001 - see `system_keyring`
        return False
    return True


def fetch(backend: Any, address: str) -> Secrets | None:  # noqa: ANN401 - see `system_keyring`
    """Returns the stored secrets, or None if there are none or the keyring does not give them."""
    try:
        text = backend.get_password(_SERVICE, address)
        return secrets_in(json.loads(text)) if text else None
    except Exception:  # noqa: BLE001 - see `system_keyring`
        return None


def forget(backend: Any, address: str) -> None:  # noqa: ANN401 - see `system_keyring`
    """Removes stored secrets, if there are any."""
    try:
        if backend.get_password(_SERVICE, address) is not None:
            backend.delete_password(_SERVICE, address)
    except Exception:  # noqa: BLE001 - see `system_keyring`
        return
