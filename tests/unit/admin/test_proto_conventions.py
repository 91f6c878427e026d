"""What the conventions ask of every proto of ours."""

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).parents[3]
PROTOS = ROOT / "protos"
GENERATOR = runpy.run_path(str(PROTOS / "generate.py"))
SOURCES = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))

# Field numbers in descriptor.proto: by them a location names an element.
MESSAGE, ENUM, SERVICE, EXTENSION = 4, 5, 6, 7
FIELD, NESTED, NESTED_ENUM = 2, 3, 4
VALUE, METHOD = 2, 2


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    out = tmp_path_factory.mktemp("descriptors") / "set.binpb"
    includes = [f"--proto_path={folder}" for folder in GENERATOR["include_folders"]()]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        *includes,
        "--include_source_info",
        f"--descriptor_set_out={out}",
    ]
    subprocess.run([*command, *SOURCES], check=True, cwd=PROTOS)
    return {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file}


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Path and name of everything that needs a comment."""
    for index, message in enumerate(file.message_type):
        yield from message_elements((MESSAGE, index), message)
    for index, enum in enumerate(file.enum_type):
        yield from enum_elements((ENUM, index), enum)
    for index, extension in enumerate(file.extension):
        yield (EXTENSION, index), extension.name
    for index, service in enumerate(file.service):
        yield (SERVICE, index), service.name
        for number, method in enumerate(service.method):
            yield (SERVICE, index, METHOD, number), f"{service.name}.{method.name}"


def message_elements(
    path: tuple[int, ...], message: descriptor_pb2.DescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, message.name
    for index, field in enumerate(message.field):
        yield (*path, FIELD, index), f"{message.name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from message_elements((*path, NESTED, index), nested)
    for index, enum in enumerate(message.enum_type):
        yield from enum_elements((*path, NESTED_ENUM, index), enum)


def enum_elements(
    path: tuple[int, ...], enum: descriptor_pb2.EnumDescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, enum.name
    for index, value in enumerate(enum.value):
        yield (*path, VALUE, index), f"{enum.name}.{value.name}"


@pytest.mark.parametrize("source", SOURCES)
def test_every_element_has_a_leading_comment_and_none_trails(
    files: dict[str, descriptor_pb2.FileDescriptorProto], source: str
) -> None:
    comments = {tuple(location.path): location for location in files[source].source_code_info.location}
    for path, name in elements(files[source]):
        assert comments[path].leading_comments.strip(), f"{name} has no comment"
        assert not comments[path].trailing_comments, f"{name} has a trailing comment"


@pytest.mark.parametrize("source", SOURCES)
def test_the_package_is_the_folder(files: dict[str, descriptor_pb2.FileDescriptorProto], source: str) -> None:
    assert files[source].package == str(Path(source).parent).replace("/", ".")


@pytest.mark.parametrize("source", SOURCES)
def test_numbers_are_signed_and_quantities_carry_their_unit(
    files: dict[str, descriptor_pb2.FileDescriptorProto], source: str
) -> None:
    unsigned = {"TYPE_UINT32", "TYPE_UINT64", "TYPE_FIXED32", "TYPE_FIXED64"}
    for message in files[source].message_type:
        for field in message.field:
            kind = descriptor_pb2.FieldDescriptorProto.Type.Name(field.type)
            assert kind not in unsigned, f"{message.name}.{field.name}"
            if "amount" in field.name or "balance" in field.name:
                assert field.name.endswith("_nano_credits") or kind == "TYPE_MESSAGE", f"{message.name}.{field.name}"


@pytest.mark.parametrize("source", SOURCES)
def test_every_field_of_a_request_says_whether_it_is_required(
    files: dict[str, descriptor_pb2.FileDescriptorProto], source: str
) -> None:
    for message in files[source].message_type:
        if message.name.endswith("Request"):
            for field in message.field:
                behavior = list(field.options.Extensions[field_behavior_pb2.field_behavior])
                assert behavior in ([field_behavior_pb2.REQUIRED], [field_behavior_pb2.OPTIONAL]), field.name


@pytest.mark.parametrize("source", SOURCES)
def test_the_zero_of_an_enum_means_nothing(files: dict[str, descriptor_pb2.FileDescriptorProto], source: str) -> None:
    enums = [*files[source].enum_type, *(enum for message in files[source].message_type for enum in message.enum_type)]
    for enum in enums:
        assert enum.value[0].number == 0
        assert enum.value[0].name.endswith("_UNSPECIFIED")


def test_the_same_sources_give_the_same_code(tmp_path: Path) -> None:
    contents = []
    for out in (tmp_path / "one", tmp_path / "two"):
        GENERATOR["generate"](out)
        contents.append({file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert contents[0] == contents[1]
    assert Path("megarouter/admin/v1/api_key_pb2.py") in contents[0]
