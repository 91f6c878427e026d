"""The protos compiled by protoc, with their comments. All checks and generated pages read them."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    OneofDescriptorProto,
    ServiceDescriptorProto,
    SourceCodeInfo,
)

from tools.protos.generate import ERROR_TYPES, SOURCES, include_folders

Location = tuple[int, ...]
Element = (
    DescriptorProto
    | EnumDescriptorProto
    | EnumValueDescriptorProto
    | FieldDescriptorProto
    | MethodDescriptorProto
    | OneofDescriptorProto
    | ServiceDescriptorProto
)

# Field numbers in descriptor.proto, by which a location names an element.
_MESSAGE, _ENUM, _SERVICE, _EXTENSION = 4, 5, 6, 7
_FIELD, _NESTED, _NESTED_ENUM, _ONEOF = 2, 3, 4, 8
_VALUE, _METHOD = 2, 2

_TIMEOUT_S = 60.0
_FOREIGN_PROTOCOLS = ("megarouter.files.v1", "megarouter.scim.v1")

# The field `buf_extension` in buf's version of FileDescriptorProto, with `is_import` set.
_IS_IMPORT = b"\xd2\xf6\x03\x02\x08\x01"


class ProtoError(Exception):
    """The protos do not compile. The message is protoc's output."""


@dataclass(frozen=True)
class Item:
    """One element of a file, with its comments and line."""

    path: Location
    name: str
    """Name within the package, such as `ApiKey.State`."""
    element: Element
    comment: str
    trailing_comment: str
    line: int


@dataclass(frozen=True)
class ProtoFile:
    """One proto file."""

    descriptor: FileDescriptorProto

    @property
    def name(self) -> str:
        """Path relative to the folder `protos`."""
        return self.descriptor.name

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every element that can have a comment, in the order of the descriptor."""
        return tuple(self._item(*found) for found in _elements(self.descriptor))

    @cached_property
    def messages(self) -> tuple[tuple[str, DescriptorProto], ...]:
        """All messages, including nested ones, with their names within the package."""
        return tuple((item.name, item.element) for item in self.items if isinstance(item.element, DescriptorProto))

    @cached_property
    def enums(self) -> tuple[tuple[str, EnumDescriptorProto], ...]:
        """All enums, including nested ones, with their names within the package."""
        return tuple((item.name, item.element) for item in self.items if isinstance(item.element, EnumDescriptorProto))

    @property
    def methods(self) -> tuple[tuple[ServiceDescriptorProto, MethodDescriptorProto], ...]:
        """All RPCs with their services, in the order of the source."""
        return tuple((service, method) for service in self.descriptor.service for method in service.method)

    def comment(self, name: str) -> str:
        """Returns the comment on an element; empty if it has none."""
        return next((item.comment for item in self.items if item.name == name), "")

    @cached_property
    def _locations(self) -> dict[Location, SourceCodeInfo.Location]:
        return {tuple(location.path): location for location in self.descriptor.source_code_info.location}

    def _item(self, path: Location, name: str, element: Element) -> Item:
        location = self._locations[path]
        return Item(
            path,
            name,
            element,
            _text(location.leading_comments),
            _text(location.trailing_comments),
            location.span[0] + 1,
        )


def _text(comment: str) -> str:
    return "\n".join(line.removeprefix(" ").rstrip() for line in comment.splitlines()).strip()


def _elements(file: FileDescriptorProto) -> Iterator[tuple[Location, str, Element]]:
    for number, service in enumerate(file.service):
        yield (_SERVICE, number), service.name, service
        for index, method in enumerate(service.method):
            yield (_SERVICE, number, _METHOD, index), f"{service.name}.{method.name}", method
    for number, extension in enumerate(file.extension):
        yield (_EXTENSION, number), extension.name, extension
    for number, message in enumerate(file.message_type):
        yield from _message_elements((_MESSAGE, number), message.name, message)
    for number, enum in enumerate(file.enum_type):
        yield from _enum_elements((_ENUM, number), enum.name, enum)


def _message_elements(path: Location, name: str, message: DescriptorProto) -> Iterator[tuple[Location, str, Element]]:
    yield path, name, message
    for number, field in enumerate(message.field):
        yield (*path, _FIELD, number), f"{name}.{field.name}", field
    optional = {field.oneof_index for field in message.field if field.proto3_optional}
    for number, oneof in enumerate(message.oneof_decl):
        if number not in optional:  # the compiler adds one for `optional`
            yield (*path, _ONEOF, number), f"{name}.{oneof.name}", oneof
    for number, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message_elements((*path, _NESTED, number), f"{name}.{nested.name}", nested)
    for number, enum in enumerate(message.enum_type):
        yield from _enum_elements((*path, _NESTED_ENUM, number), f"{name}.{enum.name}", enum)


def _enum_elements(path: Location, name: str, enum: EnumDescriptorProto) -> Iterator[tuple[Location, str, Element]]:
    yield path, name, enum
    for number, value in enumerate(enum.value):
        yield (*path, _VALUE, number), f"{name}.{value.name}", value


def source_names(sources: Path = SOURCES) -> list[str]:
    """Returns every proto in a folder by its import name."""
    return sorted(path.relative_to(sources).as_posix() for path in sources.rglob("*.proto"))


def compiled(sources: Path = SOURCES) -> FileDescriptorSet:
    """Compiles every proto in a folder, with comments. The set also has their imports and the error details.

    Imports come before the files that use them.

    Raises:
        ProtoError: the protos do not compile.
    """
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "image.binpb"
        options = [f"--proto_path={folder}" for folder in include_folders(sources)]
        options += ["--include_imports", "--include_source_info", f"--descriptor_set_out={out}"]
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, *source_names(sources), *ERROR_TYPES]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if result.returncode != 0:
            raise ProtoError(f"the protos do not compile:\n{result.stderr.strip()}")
        return FileDescriptorSet.FromString(out.read_bytes())


def own_files(image: FileDescriptorSet) -> tuple[ProtoFile, ...]:
    """Returns the files of the project's own API in a compiled set, by name.

    SCIM is not among them: it decides paths, bodies and names itself, and has no generated clients.
    """
    files = sorted(image.file, key=lambda file: file.name)
    own = (file for file in files if file.package.startswith("megarouter."))
    return tuple(ProtoFile(file) for file in own if file.package not in _FOREIGN_PROTOCOLS)


def buf_image(image: FileDescriptorSet) -> bytes:
    """Returns the compiled set in buf's form. Imports are marked, so buf neither checks them nor generates code for them."""
    marked = FileDescriptorSet()
    marked.CopyFrom(image)
    for file in marked.file:
        if not file.package.startswith("megarouter."):
            file.MergeFromString(_IS_IMPORT)
    return marked.SerializeToString(deterministic=True)
