"""`python -m admin_service` runs the service."""

import sys

from admin_service.wiring import open_service
from gateway_core.model.catalog_file import CatalogError, load_catalog
from gateway_core.runtime import workers
from gateway_core.runtime.settings import AdminSettings, SettingsError, load_settings


def main() -> None:
    """Runs the service until it is stopped."""
    place = workers.parse_arguments("admin_service")
    try:
        settings = load_settings(AdminSettings)
        catalog = load_catalog(settings.catalog_file)
    except (SettingsError, CatalogError) as error:
        sys.exit(str(error))
    workers.run(
        "admin_service",
        place,
        settings,
        lambda settings, tracing, metrics: open_service(settings, tracing, catalog, metrics),
    )


if __name__ == "__main__":
    main()
