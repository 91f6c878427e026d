"""Command line of authz_service: `python -m authz_service`."""

import sys

from authz_service.wiring import open_service
from gateway_core.runtime import workers
from gateway_core.runtime.settings import AuthzSettings, SettingsError, load_settings


def main() -> None:
    """Runs the service until it receives a signal to stop."""
    place = workers.parse_arguments("authz_service")
    try:
        settings = load_settings(AuthzSettings)
    except SettingsError as error:
        sys.exit(f"authz_service: {error}")
    workers.run("authz_service", place, settings, open_service)


if __name__ == "__main__":
    main()
