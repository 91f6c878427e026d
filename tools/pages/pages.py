"""The pages of the documentation that are made from the protos."""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from admin_service.access.matrix import admin_services, rows
from tools.pages.api_reference import reference
from tools.pages.permissions import permission_page
from tools.protos.api import Api
from tools.protos.descriptors import own_files

REFERENCE = "api-reference.md"
PERMISSIONS = "permissions.md"


def contents(image: FileDescriptorSet) -> dict[str, str]:
    """What each page must say, by its name in `docs`."""
    return {REFERENCE: reference(Api(own_files(image))), PERMISSIONS: permission_page(rows(admin_services()))}


def write(image: FileDescriptorSet, docs: Path) -> None:
    """Writes every page."""
    for name, text in contents(image).items():
        (docs / name).write_text(text, encoding="utf-8")
