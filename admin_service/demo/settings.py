"""Settings of the demo seeder."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from admin_service.demo.inbox import DemoInbox
from gateway_core.runtime.settings import DatabaseSettings, HexKey, key_bytes


class DemoSettings(DatabaseSettings):
    """Settings of `python -m admin_service.demo`."""

    listen: str = ""
    """Unused: the seeder serves nothing."""
    admin_database_url: SecretStr
    """PostgreSQL URL that logs in as `megarouter_admin`."""
    key_pepper: HexKey
    """64 hexadecimal digits with which API keys and access tokens are hashed."""
    demo_secrets: Path
    """File (mode 0600) that keeps the generated keys and the admin token, so that a second run prints the same."""

    channel_key: HexKey | None = None
    """64 hexadecimal digits that seal the targets and secrets of notification channels."""
    inbox_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)] | None = None
    """Where the demo's alerts go. None, also without the two keys: nowhere."""
    inbox_secret: SecretStr | None = None
    """`whsec_` and base64, with which these alerts are signed."""
    credential_max_life_days: Annotated[int, Field(gt=0, le=3_650)] = 365
    """How long the access tokens of the demo live, in days. A run renews those that end within 30 days."""

    @property
    def inbox(self) -> DemoInbox | None:
        """The inbox; None without one."""
        if self.channel_key is None or self.inbox_url is None or self.inbox_secret is None:
            return None
        return DemoInbox(self.inbox_url, self.inbox_secret.get_secret_value(), key_bytes(self.channel_key))

    @property
    def database_url(self) -> SecretStr:
        """The PostgreSQL URL that logs in as `megarouter_admin`."""
        return self.admin_database_url
