"""The pages of the documentation that are made from the protos."""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from admin_service.permission_matrix import admin_services, rows
from protos.api import Api
from protos.descriptors import own_files
from protos.permission_page import permission_page
from protos.reference import reference

REFERENCE = "reference/api.md"
PERMISSIONS = "reference/permissions.md"


def contents(image: FileDescriptorSet) -> dict[str, str]:
    """What each page must say, by its name in `docs`."""
    return {REFERENCE: reference(Api(own_files(image))), PERMISSIONS: permission_page(rows(admin_services()))}


def write(image: FileDescriptorSet, docs: Path) -> None:
    """Writes every page."""
    for name, text in contents(image).items():
        (docs / name).write_text(text, encoding="utf-8")
