"""Runs all checks of the protos."""

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.protos import buf
from tools.protos.api import Api
from tools.protos.conventions import RULES
from tools.protos.descriptors import own_files


def breaches(image: FileDescriptorSet) -> list[str]:
    """Returns one line for each breach of buf's rules, of compatibility with the baseline, and of the project's conventions."""
    return [*_of_buf(image), *_of_conventions(image)]


def _of_buf(image: FileDescriptorSet) -> list[str]:
    found = []
    for check in (buf.lint, buf.breaking):
        try:
            check(image)
        except buf.BufError as error:
            found += [f"buf {check.__name__}: {line}" for line in str(error).splitlines()]
    return found


def _of_conventions(image: FileDescriptorSet) -> list[str]:
    api = Api(own_files(image))
    return [
        f"{file.name}: {rule.__name__}: {breach}" for file in api.files for rule in RULES for breach in rule(file, api)
    ]
