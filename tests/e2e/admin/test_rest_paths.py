"""Each REST path of every RPC reaches that RPC through Envoy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import pytest
from google.api import annotations_pb2
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import Method, declared_methods
from deploy.local.supervision.embedded_stack import Stack


@dataclass(frozen=True)
class Binding:
    """One REST path of an RPC, with names of resources that do not exist."""

    method: Method
    verb: str
    path: str
    template: str

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def bindings() -> Iterator[Binding]:
    for service in admin_services():
        for method in declared_methods(service):
            rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
            for one in (rule, *rule.additional_bindings):
                verb = one.WhichOneof("pattern")
                template = getattr(one, verb)
                yield Binding(method, verb.upper(), re.sub(r"\{[\w.]+=([^}]*)\}", _sample, template), template)


def bound_fields(binding: Binding) -> list[str]:
    """Returns the fields of the request that the path binds, such as `api_key.name`."""
    return re.findall(r"\{([\w.]+)=", binding.template)


def _sample(variable: re.Match[str]) -> str:
    """Returns a path for a template. `**` stands for a whole model name, which contains a slash."""
    return variable[1].replace("**", "vendor/model-1").replace("*", "nowhere-1")


def test_every_rpc_has_a_path_without_unfilled_variables() -> None:
    found = list(bindings())
    assert {one.method.full_name for one in found} == {
        method.full_name for service in admin_services() for method in declared_methods(service)
    }
    assert [one.path for one in found if "{" in one.path or "*" in one.path] == []


@pytest.mark.parametrize("binding", list(bindings()), ids=str)
async def test_a_path_reaches_its_rpc(stack: Stack, session: aiohttp.ClientSession, binding: Binding) -> None:
    """The RPC answers that a credential is missing. With a credential, it answers that its own permission is missing."""
    url = stack.environment["MEGAROUTER_ADMIN_URL"] + binding.path
    body = None if binding.verb in {"GET", "DELETE"} else "{}"
    headers = {"content-type": "application/json"}
    async with session.request(binding.verb, url, data=body, headers=headers) as response:
        assert (response.status, _reason(await response.text())) == (401, "ACCESS_TOKEN_INVALID")
    is_of_deployment = binding.method.is_for_operators and "organizations/" not in binding.path
    if binding.method.is_for_users or is_of_deployment or "nowhere-1" not in binding.path:
        return
    headers["authorization"] = f"Bearer {stack.environment['MEGAROUTER_ADMIN_TOKEN']}"
    async with session.request(binding.verb, url, data=body, headers=headers) as response:
        text = await response.text()
    assert response.status == 403
    assert f"Permission {binding.method.permission} denied" in json_format.Parse(text, status_pb2.Status()).message


def _reason(text: str) -> str:
    information = error_details_pb2.ErrorInfo()
    assert [one.Unpack(information) for one in json_format.Parse(text, status_pb2.Status()).details].count(True) == 1
    return str(information.reason)
