"""Command line of token_service: `python -m token_service`."""

import sys

from gateway_core.runtime import workers
from gateway_core.runtime.settings import SettingsError, TokenSettings, load_settings
from token_service.wiring import open_service


def main() -> None:
    """Runs the service until it receives a signal to stop."""
    place = workers.parse_arguments("token_service")
    try:
        settings = load_settings(TokenSettings)
    except SettingsError as error:
        sys.exit(f"token_service: {error}")
    workers.run("token_service", place, settings, open_service)


if __name__ == "__main__":
    main()
