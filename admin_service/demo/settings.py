"""Settings of the demo seeder."""

from pathlib import Path

from pydantic import SecretStr

from gateway_core.runtime.settings import DatabaseSettings, HexKey


class DemoSettings(DatabaseSettings):
    """`python -m admin_service.demo`."""

    listen: str = ""
    """Not used: the seeder serves nothing."""
    admin_database_url: SecretStr
    """PostgreSQL, logging in as `megarouter_admin`."""
    key_pepper: HexKey
    """64 hexadecimal digits; API keys and access tokens are hashed with them."""
    demo_secrets: Path
    """File (mode 0600) that keeps the generated keys and the admin token, so that a second run prints the same."""

    @property
    def database_url(self) -> SecretStr:
        """Logs in as `megarouter_admin`."""
        return self.admin_database_url
