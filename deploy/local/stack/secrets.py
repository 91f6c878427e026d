"""The secrets of one home: generated once, and kept as long as its data."""

import base64
import dataclasses
import json
import secrets
from dataclasses import dataclass

from deploy.local.process.private_files import write_private
from deploy.local.stack.layout import Home, LayoutError


def _hex_key() -> str:
    return secrets.token_hex(32)


def _webhook_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


_ADDED_LATER = {
    "edge_secret": _hex_key,
    "channel_key": _hex_key,
    "credential_key": _hex_key,
    "inbox_secret": _webhook_secret,
}


@dataclass(frozen=True, repr=False)
class StackSecrets:
    """Passwords and keys that exist only inside a home."""

    hold_signing_key: str  # 64 hex digits
    key_pepper: str  # 64 hex digits
    postgres_password: str
    redis_password: str
    edge_secret: str  # 64 hex digits; Envoy authenticates to admin_service with it
    channel_key: str  # 64 hex digits; seals the targets and secrets of notification channels
    credential_key: str  # 64 hex digits; seals the credentials of providers
    inbox_secret: str  # `whsec_` and base64; signs the demo's alerts to the inbox
    # Set only while one of the above is replaced: see "Replacing secrets" in docs/guides/operating.md.
    previous_hold_signing_key: str | None = None
    previous_key_pepper: str | None = None
    next_key_pepper: str | None = None
    previous_edge_secret: str | None = None
    previous_channel_key: str | None = None
    previous_credential_key: str | None = None


def new_secrets() -> StackSecrets:
    """Returns new random secrets. The passwords need no escaping in a URL."""
    return StackSecrets(
        hold_signing_key=_hex_key(),
        key_pepper=_hex_key(),
        postgres_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        edge_secret=_hex_key(),
        channel_key=_hex_key(),
        credential_key=_hex_key(),
        inbox_secret=_webhook_secret(),
    )


def load_or_make_secrets(home: Home) -> StackSecrets:
    """Returns the secrets of the home. Generates those that it lacks, because an earlier release made it or it is new.

    Raises:
        LayoutError: the secrets are damaged, or are missing although the database made with them still exists.
    """
    try:
        content = json.loads(home.secrets_file.read_text(encoding="utf-8"))
        lacking = {name: make() for name, make in _ADDED_LATER.items() if name not in content}
        kept = StackSecrets(**content, **lacking)
        return _written(home, kept) if lacking else kept
    except FileNotFoundError:
        if (home.postgres / "data").exists():
            raise LayoutError(
                f"{home.secrets_file} is missing, and the database in {home.postgres} needs it: "
                f"restore the file, or remove {home.directory} to start again without data"
            ) from None
    except (ValueError, TypeError) as error:
        raise LayoutError(
            f"{home.secrets_file} is damaged: restore it, or remove {home.directory} to start again without data"
        ) from error
    return _written(home, new_secrets())


def _present(made: StackSecrets) -> dict[str, str]:
    return {name: value for name, value in dataclasses.asdict(made).items() if value is not None}


def _written(home: Home, made: StackSecrets) -> StackSecrets:
    write_private(home.secrets_file, json.dumps(_present(made), indent=2) + "\n")
    return made
