"""The generated pages of the documentation. Each has a single source in the code."""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from admin_service.access.permission_matrix import admin_services, rows
from tools.pages.alert_events import alert_events_page, alert_events_schema
from tools.pages.api_reference import reference
from tools.pages.commands import command_page
from tools.pages.errors import errors_page
from tools.pages.metrics import metrics_page
from tools.pages.permissions import permission_page
from tools.pages.settings import settings_page
from tools.protos.api import Api
from tools.protos.descriptors import own_files


def contents(image: FileDescriptorSet) -> dict[str, str]:
    """Returns the text of each page by its path in `docs`."""
    api = Api(own_files(image))
    return {
        "reference/alert-events.md": alert_events_page(),
        "reference/alert-events.schema.json": alert_events_schema(),
        "reference/api.md": reference(api),
        "reference/command-line.md": command_page(),
        "reference/errors.md": errors_page(api),
        "reference/metrics.md": metrics_page(),
        "reference/permissions.md": permission_page(rows(admin_services())),
        "reference/settings.md": settings_page(),
    }


def write(image: FileDescriptorSet, docs: Path) -> None:
    """Writes every page."""
    for name, text in contents(image).items():
        (docs / name).write_text(text, encoding="utf-8")
