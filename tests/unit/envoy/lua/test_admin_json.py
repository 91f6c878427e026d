"""The check of REST bodies: strict JSON, only known fields, no repeated fields."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import lupa.luajit21
import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given
from hypothesis import strategies as st
from megarouter_envoy.filters.admin_api import DESCRIPTOR_FILE
from megarouter_envoy.filters.admin_json_types import admin_json_types
from megarouter_envoy.options import ADMIN_JSON_PATH

from admin_service.access.permission_matrix import admin_services

# A small API: a nested message, a list of messages, a map of messages, and a value of any form.
API = """return { in_path = { name = true, ["part.size"] = true },
  routes = { { "POST", "^/v1/things/[^/]+:change$", "Thing" } }, types = {
  Thing = {
    name = { "name" }, displayName = { "display_name" }, display_name = { "display_name" },
    part = { "part", "Part" }, parts = { "parts", "Part" }, labels = { "labels", nil, true },
    partOf = { "part_of", "Part", true }, anything = { "anything" },
  },
  Part = { size = { "size" } },
} }"""
PATH = "/v1/things/one:change"

Check = Callable[..., str | None]


@pytest.fixture(scope="module")
def check() -> Check:
    """Returns why a body is refused, or None if it is accepted."""
    runtime = lupa.luajit21.LuaRuntime(encoding=None)
    script = runtime.execute(ADMIN_JSON_PATH.read_bytes())
    api = runtime.execute(API.encode())
    bridge = runtime.execute(
        b"return function(check, api, method, path, body, respond)"
        b"  local headers = { get = function(_, name) return name == ':method' and method or path end }"
        b"  local buffer = { length = function() return #body end, getBytes = function(_, s, n) return body:sub(s + 1, s + n) end }"
        b"  check({ headers = function() return headers end, body = function() return buffer end,"
        b"    respond = function(_, _, text) respond(text) end }, api)"
        b" end"
    )

    def run(body: bytes | str, method: str = "POST", path: str = PATH) -> str | None:
        said: list[bytes] = []
        content = body.encode() if isinstance(body, str) else body
        bridge(script, api, method.encode(), path.encode(), content, said.append)
        return said[0].decode() if said else None

    return run


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        ' { "name" : "a" } ',
        '{"displayName": "a"}',
        '{"display_name": "\\u00e4\\n"}',
        '{"part": {"size": -1.5e+3}, "parts": [{"size": 0}, {}], "labels": {"any": "x", "thing": "y"}}',
        '{"partOf": {"left": {"size": 1}}}',
        '{"anything": {"color": [1, {"deep": null}], "true": true}}',
        '{"part": null, "parts": []}',
        '{"name": "\x7f"}',
    ],
)
def test_fields_of_the_message_pass(check: Check, body: str) -> None:
    assert check(body) is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?name=two", "name"),
        ("?a=1&name=two", "name"),
        ("?a=1&&name", "name"),
        ("?n%61me=two", "name"),
        ("?part.size=2", "part.size"),
        ("?part%2Esize=2", "part.size"),
        ("?a?name=1&name=2", "name"),
    ],
)
def test_a_query_parameter_that_the_path_decides_is_refused(check: Check, query: str, field: str) -> None:
    said = f"The path names the resource. Remove the query parameter {field}."
    assert check("{}", path=PATH + query) == said
    assert check("", "GET", "/v1/things/one" + query) == said


def test_no_call_needs_a_field_in_its_query_that_another_has_in_its_path() -> None:
    """SCIM's `parent` is in no path, and the service replaces it."""
    methods = [method for service in admin_services() for method in service.methods]
    in_paths = {method.full_name: _in_paths(method) for method in methods}
    all_of_them = set().union(*in_paths.values())
    assert {"name", "parent", "api_key.name"} <= all_of_them
    for method in methods:
        assert all_of_them & set(method.input_type.fields_by_name) <= in_paths[method.full_name]


def _in_paths(method: MethodDescriptor) -> set[str]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    templates = [getattr(one, one.WhichOneof("pattern")) for one in (rule, *rule.additional_bindings)]
    return {name for template in templates for name in re.findall(r"\{([\w.]+)", template)}


@pytest.mark.parametrize(
    "query", ["", "?", "?a=name", "?a=1&b=name=2", "?names=1", "?name2=1", "?=name", "?a=%26name=1"]
)
def test_other_query_parameters_pass(check: Check, query: str) -> None:
    assert check("{}", path=PATH + query) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"color": 1}', "Thing has no field color."),
        ('{"part": {"color": 1}}', "Part has no field color."),
        ('{"parts": [{}, {"color": 1}]}', "Part has no field color."),
        ('{"partOf": {"left": {"color": 1}}}', "Part has no field color."),
        ('{"Name": 1}', "Thing has no field Name."),
        ('{"name": 1, "name": 2}', "The field name occurs twice."),
        ('{"displayName": 1, "display_name": 2}', "The field display_name occurs twice."),
        ('{"labels": {"a": 1, "a": 2}}', "The member a occurs twice."),
        ('{"n\\u0061me": 1}', "Write field names without escapes."),
        ("[]", "The body must be one JSON object."),
        ('{"anything": ' + "[" * 200 + "]" * 200 + "}", "The body is nested deeper than 100 levels."),
        ('{"\x80"": 1}', None),
    ],
)
def test_unknown_and_repeated_fields_are_refused_by_name(check: Check, body: str, said: str | None) -> None:
    refusal = check(body)
    assert refusal == said if said else refusal


def test_the_number_of_values_in_a_body_is_bounded(check: Check) -> None:
    for count, said in ((19_000, None), (19_000, None), (20_001, "The body contains more than 20000 values.")):
        assert check(json.dumps({"anything": [0] * count})) == said


def test_a_long_or_unprintable_name_is_not_quoted_unchanged(check: Check) -> None:
    refusal = check(b'{"\xff<script>' + b"x" * 1_000 + b'": 1}')
    assert refusal is not None
    assert len(refusal) < 200
    assert "<" not in refusal


def test_only_calls_with_a_body_are_checked(check: Check) -> None:
    for method, path in (("GET", PATH), ("POST", "/v1/things/one"), ("POST", "/v1/things/a/b:change")):
        assert check('{"color": 1}', method, path) is None
    assert check('{"color": 1}', "POST", PATH + "?x=1")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans())
def test_json_written_by_python_is_accepted(check: Check, value: object, ascii_only: bool) -> None:  # noqa: FBT001
    text = json.dumps({"anything": value}, ensure_ascii=ascii_only)
    assert check(text.encode("utf-8", "surrogatepass")) is None


@given(JSON_VALUES, st.data())
def test_text_that_python_cannot_parse_is_refused(check: Check, value: object, data: st.DataObject) -> None:
    text = json.dumps({"anything": value})
    position = data.draw(st.integers(0, len(text) - 1))
    broken = (
        text[:position] + data.draw(st.sampled_from(["", ",", "}", '"', "\\", "x", "[", "0"])) + text[position + 1 :]
    )
    try:
        json.loads(broken, parse_constant=_refuse)
    except ValueError:
        assert check(broken) is not None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def test_the_generated_types_are_lua_and_cover_every_call_with_a_body() -> None:
    files = FileDescriptorSet.FromString(Path(DESCRIPTOR_FILE).read_bytes())
    text = admin_json_types(files, ["megarouter.admin.v1.ApiKeys", "megarouter.admin.v1.Credits"])
    api = lupa.luajit21.LuaRuntime().execute(text)
    routes = {(route[1], route[2]): route[3] for route in api.routes.values()}
    pattern = "^/v1/organizations/[^/]+/apiKeys/[^/]+:disable$"
    assert routes[("POST", pattern)] == "megarouter.admin.v1.DisableApiKeyRequest"
    fields = api.types["megarouter.admin.v1.TopUpCreditRequest"]
    assert fields["amountNanoCredits"][1] == fields["amount_nano_credits"][1] == "amount_nano_credits"


def test_the_same_protos_give_the_same_types() -> None:
    files = FileDescriptorSet.FromString(Path(DESCRIPTOR_FILE).read_bytes())
    services = ["megarouter.admin.v1.ApiKeys"]
    assert admin_json_types(files, services) == admin_json_types(files, services)
