"""`python -m usage_service`."""

import sys

from gateway_core.edges.grpc_server import run_service
from gateway_core.edges.settings import SettingsError, UsageSettings, load_settings
from usage_service.service import open_usage_service


def main() -> None:
    """Runs the service until it is told to stop."""
    try:
        settings = load_settings(UsageSettings)
    except SettingsError as error:
        sys.exit(f"usage_service: {error}")
    run_service("usage_service", settings, open_usage_service)


if __name__ == "__main__":
    main()
