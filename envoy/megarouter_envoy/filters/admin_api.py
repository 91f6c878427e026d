"""What Envoy needs to translate REST calls of the admin API, from the descriptor set that the code generation writes."""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from megarouter_envoy.filters.admin_json_types import admin_json_types
from megarouter_envoy.options import AdminApi

PACKAGES = ("megarouter.admin.v1", "megarouter.files.v1", "megarouter.scim.v1")
DESCRIPTOR_FILE = Path(__file__).resolve().parents[3] / "gen" / "megarouter" / "admin_api.binpb"


def prepare_admin_api(json_types_file: Path, descriptor_file: Path = DESCRIPTOR_FILE) -> AdminApi:
    """Returns every service of the admin listener. Writes the file that the JSON check needs.

    Raises:
        OSError: the descriptor set is missing (`tools/protos/generate.py` makes it), or the file cannot be written.
    """
    files = FileDescriptorSet.FromString(descriptor_file.read_bytes())
    names = (f"{file.package}.{service.name}" for file in files.file for service in file.service)
    services = tuple(sorted(name for name in names if name.rpartition(".")[0] in PACKAGES))
    json_types_file.write_text(admin_json_types(files, services), encoding="utf-8")
    return AdminApi(descriptor_file, services, json_types_file)
