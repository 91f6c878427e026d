"""Serves gRPC reflection in both versions, because older clients ask for v1alpha and newer ones for v1."""

from collections.abc import Sequence
from typing import Final

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

V1: Final = "grpc.reflection.v1.ServerReflection"
_ALPHA_PACKAGE: Final = "grpc.reflection.v1alpha"
_PACKAGE: Final = "grpc.reflection.v1"
_FILE: Final = "grpc/reflection/v1/reflection.proto"


def enable_reflection(service_names: Sequence[str], server: grpc.aio.Server) -> None:
    """Adds reflection for the services, and for reflection itself."""
    _describe_v1()
    names = (*service_names, reflection.SERVICE_NAME, V1)
    reflection.enable_server_reflection(names, server)
    # The messages of both versions are the same on the wire; only the package differs.
    method = grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(service_names=names).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handler = grpc.method_handlers_generic_handler(V1, {"ServerReflectionInfo": method})
    server.add_generic_rpc_handlers((handler,))


def _describe_v1() -> None:
    """Adds the descriptors of v1 to the pool that reflection reads. The Python package has only those of v1alpha."""
    alpha = reflection_pb2.DESCRIPTOR.serialized_pb
    file = FileDescriptorProto.FromString(alpha)
    file.name, file.package = _FILE, _PACKAGE
    for message in file.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = _moved(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = _moved(method.input_type), _moved(method.output_type)
    descriptor_pool.Default().Add(file)


def _moved(type_name: str) -> str:
    return type_name.replace(_ALPHA_PACKAGE, _PACKAGE)
