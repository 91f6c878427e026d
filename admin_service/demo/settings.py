"""Settings of the demo seeder."""

from pathlib import Path

from gateway_core.edges.settings import DatabaseSettings, HexKey


class DemoSettings(DatabaseSettings):
    """`python -m admin_service.demo`."""

    listen: str = ""
    """Not used: the seeder serves nothing."""
    key_pepper: HexKey
    """64 hexadecimal digits; API keys and access tokens are hashed with them."""
    demo_secrets: Path
    """File (mode 0600) that keeps the generated keys and the admin token, so that a second run prints the same."""
