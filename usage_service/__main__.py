"""Command line of usage_service: `python -m usage_service`."""

import sys

from gateway_core.runtime import workers
from gateway_core.runtime.settings import SettingsError, UsageSettings, load_settings
from usage_service.wiring import open_service


def main() -> None:
    """Runs the service until it receives a signal to stop."""
    place = workers.parse_arguments("usage_service", most=1)  # a journal has one reader
    try:
        settings = load_settings(UsageSettings)
    except SettingsError as error:
        sys.exit(f"usage_service: {error}")
    workers.run("usage_service", place, settings, open_service)


if __name__ == "__main__":
    main()
