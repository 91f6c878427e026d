"""Settings of the demo seeder."""

from pathlib import Path

from gateway_core.runtime.settings import DatabaseSettings, HexKey


class DemoSettings(DatabaseSettings):
    """`python -m admin_service.demo`."""

    listen: str = ""
    """It serves nothing."""
    key_pepper: HexKey
    demo_secrets: Path
    """File (mode 0600) that keeps the generated keys and the admin token, so that a second run prints the same."""
