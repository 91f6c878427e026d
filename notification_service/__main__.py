"""Command line of notification_service: `python -m notification_service`."""

import sys

from gateway_core.runtime import workers
from gateway_core.runtime.settings import NotificationSettings, SettingsError, load_settings
from notification_service.wiring import open_service


def main() -> None:
    """Runs the service until it receives a signal to stop."""
    place = workers.parse_arguments("notification_service")
    try:
        settings = load_settings(NotificationSettings)
    except SettingsError as error:
        sys.exit(f"notification_service: {error}")
    workers.run("notification_service", place, settings, open_service)


if __name__ == "__main__":
    main()
