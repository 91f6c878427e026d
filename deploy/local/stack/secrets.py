"""The secrets of one home: made once, kept as long as its data."""

import dataclasses
import json
import secrets
from dataclasses import dataclass

from deploy.local.process.private_files import write_private
from deploy.local.stack.layout import Home, LayoutError

_ADDED_LATER = "edge_secret"


@dataclass(frozen=True, repr=False)
class StackSecrets:
    """Passwords and keys that exist only inside a home."""

    hold_signing_key: str  # 64 hex digits
    key_pepper: str  # 64 hex digits
    postgres_password: str
    redis_password: str
    edge_secret: str  # 64 hex digits: what Envoy proves itself with to admin_service


def new_secrets() -> StackSecrets:
    """Fresh random secrets. The passwords need no escaping in a URL."""
    return StackSecrets(
        hold_signing_key=secrets.token_hex(32),
        key_pepper=secrets.token_hex(32),
        postgres_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        edge_secret=secrets.token_hex(32),
    )


def load_or_make_secrets(home: Home) -> StackSecrets:
    """The secrets of the home. One made by an earlier release gets what it does not have yet.

    Raises:
        LayoutError: they are lost or damaged, while the database that was made with them is still there.
    """
    try:
        content = json.loads(home.secrets_file.read_text(encoding="utf-8"))
        kept = StackSecrets(**{_ADDED_LATER: secrets.token_hex(32), **content})
        return kept if _ADDED_LATER in content else _written(home, kept)
    except FileNotFoundError:
        if (home.postgres / "data").exists():
            raise LayoutError(
                f"{home.secrets_file} is missing but {home.postgres} was made with it: "
                f"restore the file, or remove {home.directory} to start anew"
            ) from None
    except (ValueError, TypeError) as error:
        raise LayoutError(
            f"{home.secrets_file} is damaged: restore it, or remove {home.directory} to start anew"
        ) from error
    return _written(home, new_secrets())


def _written(home: Home, made: StackSecrets) -> StackSecrets:
    write_private(home.secrets_file, json.dumps(dataclasses.asdict(made), indent=2) + "\n")
    return made
