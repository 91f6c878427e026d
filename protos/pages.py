"""The generated pages of the documentation, each from its one source in the code."""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from admin_service.permission_matrix import admin_services, rows
from protos.api import Api
from protos.command_page import command_page
from protos.descriptors import own_files
from protos.errors_page import errors_page
from protos.metrics_page import metrics_page
from protos.permission_page import permission_page
from protos.reference import reference
from protos.settings_page import settings_page


def contents(image: FileDescriptorSet) -> dict[str, str]:
    """The text of each page, by its path below `docs`."""
    api = Api(own_files(image))
    return {
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
