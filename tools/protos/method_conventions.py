"""The project's conventions for RPCs, and for their requests and responses (AIP-127, 130 to 136, 155, 158)."""

import re
from collections.abc import Iterator
from typing import Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, MethodDescriptorProto

from tools.protos.api import Api, behavior_of, changes_something, field_of, http_of, snake, verb_of
from tools.protos.descriptors import ProtoFile

_Field = FieldDescriptorProto
_EMPTY: Final = ".google.protobuf.Empty"
_FIELD_MASK: Final = ".google.protobuf.FieldMask"
_HTTP_OF_VERB: Final = {"Get": "get", "List": "get", "Create": "post", "Update": "patch", "Delete": "delete"}
_REQUIRED, _OPTIONAL = field_behavior_pb2.REQUIRED, field_behavior_pb2.OPTIONAL


def every_rpc_has_a_rest_form(file: ProtoFile, api: Api) -> Iterator[str]:
    """AIP-127, 136: `google.api.http` with a path in /v1/, the HTTP verb of standard methods, and `:verb` for custom ones."""
    for service, method in file.methods:
        where = f"{service.name}.{method.name}"
        verb, path, body = http_of(method)
        if not verb:
            yield f"{where} has no google.api.http"
            continue
        if not path.startswith("/v1/"):
            yield f"{where}: {path} is not below /v1/"
        standard = verb_of(method)
        if standard and verb != _HTTP_OF_VERB[standard]:
            yield f"{where} is {verb}, not {_HTTP_OF_VERB[standard]}"
        if not standard and ":" not in path.rpartition("}")[2]:
            yield f"{where}: {path} has no `:verb`"
        if bool(body) != (verb in {"post", "patch", "put"}):
            yield f"{where}: {verb} with body {body!r}"
        for variable in re.findall(r"\{([a-z_.]+)[=}]", path):
            if not _has_path(api, method.input_type, variable):
                yield f"{where}: the request has no field {variable}"


def _has_path(api: Api, name: str, path: str) -> bool:
    first, _, rest = path.partition(".")
    message = api.messages.get(name)
    field = field_of(message, first) if message is not None else None
    return field is not None and (not rest or _has_path(api, field.type_name, rest))


def requests_and_responses_have_their_standard_shapes(file: ProtoFile, api: Api) -> Iterator[str]:
    """AIP-131 to 135 and 158: requests and responses have their standard fields."""
    for service, method in file.methods:
        where = f"{service.name}.{method.name}"
        request, verb = api.messages.get(method.input_type), verb_of(method)
        if request is None or method.input_type != f".{file.descriptor.package}.{method.name}Request":
            yield f"{where} takes {method.input_type}"
            continue
        yield from (f"{where}: {problem}" for problem in _SHAPES.get(verb, _custom_shape)(method, request, api))


def _custom_shape(method: MethodDescriptorProto, _: DescriptorProto, api: Api) -> Iterator[str]:
    own = method.output_type.endswith(f".{method.name}Response")
    if not own and api.resource(method.output_type) is None and method.output_type != _EMPTY:
        yield f"answers with {method.output_type}"


def _get_shape(method: MethodDescriptorProto, request: DescriptorProto, api: Api) -> Iterator[str]:
    if api.resource(method.output_type) is None:
        yield f"answers with {method.output_type}, which is not a resource"
    if request.field[0].name != "name" or _REQUIRED not in behavior_of(request.field[0]):
        yield "the request does not begin with a required `name`"


def _list_shape(method: MethodDescriptorProto, request: DescriptorProto, api: Api) -> Iterator[str]:
    for name, kind in (("page_size", _Field.TYPE_INT32), ("page_token", _Field.TYPE_STRING)):
        field = field_of(request, name)
        if field is None or field.type != kind or behavior_of(field) != {_OPTIONAL}:
            yield f"the request has no optional `{name}`"
    for name in ("filter", "order_by"):
        field = field_of(request, name)
        if field is not None and field.type != _Field.TYPE_STRING:
            yield f"{name} is not a string"
    response = api.messages.get(method.output_type)
    if response is None or method.output_type.rpartition(".")[2] != f"{method.name}Response":
        yield f"answers with {method.output_type}"
        return
    items = response.field[0]
    if items.label != _Field.LABEL_REPEATED or items.number != 1:
        yield "the response does not begin with its items"
    token = field_of(response, "next_page_token")
    if token is None or token.number != 2 or token.type != _Field.TYPE_STRING:
        yield "`next_page_token` is not the second field of the response"
    resource = api.resource(items.type_name)
    if resource is not None and items.name != snake(resource.plural):
        yield f"the items are called {items.name}, not {snake(resource.plural)}"


def _create_shape(method: MethodDescriptorProto, request: DescriptorProto, api: Api) -> Iterator[str]:
    own = method.output_type.endswith(f".{method.name}Response")
    resource = snake(method.name.removeprefix("Create"))
    if not own and api.resource(method.output_type) is None:
        yield f"answers with {method.output_type}"
    body = field_of(request, resource)
    if body is None or api.resource(body.type_name) is None or _REQUIRED not in behavior_of(body):
        yield f"the request has no required `{resource}`"


def _update_shape(method: MethodDescriptorProto, request: DescriptorProto, api: Api) -> Iterator[str]:
    resource = snake(method.name.removeprefix("Update"))
    if api.resource(method.output_type) is None:
        yield f"answers with {method.output_type}, which is not a resource"
    if request.field[0].name != resource or request.field[0].type_name != method.output_type:
        yield f"the request does not begin with `{resource}`"
    mask = field_of(request, "update_mask")
    if mask is None or mask.type_name != _FIELD_MASK or behavior_of(mask) != {_OPTIONAL}:
        yield "the request has no optional `update_mask`"


def _delete_shape(method: MethodDescriptorProto, request: DescriptorProto, api: Api) -> Iterator[str]:
    if api.resource(method.output_type) is None and method.output_type != _EMPTY:
        yield f"answers with {method.output_type}"
    if request.field[0].name != "name" or _REQUIRED not in behavior_of(request.field[0]):
        yield "the request does not begin with a required `name`"


_SHAPES: Final = {
    "Get": _get_shape,
    "List": _list_shape,
    "Create": _create_shape,
    "Update": _update_shape,
    "Delete": _delete_shape,
}


def changes_can_be_repeated(file: ProtoFile, api: Api) -> Iterator[str]:
    """AIP-155: Create and every custom method that changes something have a `request_id`."""
    for service, method in file.methods:
        if not changes_something(method) or verb_of(method) in {"Update", "Delete"}:
            continue
        request = api.messages.get(method.input_type)
        field = field_of(request, "request_id") if request is not None else None
        if field is None or field.type != _Field.TYPE_STRING:
            yield f"{service.name}.{method.name} has no `request_id`"
