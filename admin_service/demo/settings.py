"""Settings of the demo seeder."""

from pathlib import Path

from pydantic import SecretStr

from gateway_core.runtime.settings import DatabaseSettings, HexKey


class DemoSettings(DatabaseSettings):
    """`python -m admin_service.demo`."""

    listen: str = ""
    """It serves nothing."""
    admin_database_url: SecretStr
    key_pepper: HexKey
    demo_secrets: Path
    """File (mode 0600) that keeps the generated keys and the admin token, so that a second run prints the same."""

    @property
    def database_url(self) -> SecretStr:
        """Logs in as `megarouter_admin`."""
        return self.admin_database_url
