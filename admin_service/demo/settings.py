"""Settings of the demo seeder."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from gateway_core.runtime.settings import DatabaseSettings, HexKey


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

    credential_max_life_days: Annotated[int, Field(gt=0, le=3_650)] = 365
    """How long the access tokens of the demo live, in days. A run renews those that end within 30 days."""

    @property
    def database_url(self) -> SecretStr:
        """The PostgreSQL URL that logs in as `megarouter_admin`."""
        return self.admin_database_url
