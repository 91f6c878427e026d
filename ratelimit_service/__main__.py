"""`python -m ratelimit_service` runs the service."""

import sys

from gateway_core.runtime import workers
from gateway_core.runtime.settings import RateLimitSettings, SettingsError, load_settings
from ratelimit_service.rules import RulesError
from ratelimit_service.wiring import open_service


def main() -> None:
    """Runs the service until it is stopped."""
    place = workers.parse_arguments("ratelimit_service")
    try:
        settings = load_settings(RateLimitSettings)
    except SettingsError as error:
        sys.exit(str(error))
    try:
        workers.run("ratelimit_service", place, settings, open_service)
    except RulesError as error:
        sys.exit(f"ratelimit_service: {error}")


if __name__ == "__main__":
    main()
