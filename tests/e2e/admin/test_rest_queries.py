"""The path of a REST call names its resource. The query cannot name another."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import pytest
from google.protobuf.descriptor import Descriptor
from yarl import URL

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.admin.test_rest import Rest, reason_of, rest  # noqa: F401 - a fixture
from tests.e2e.admin.test_rest_paths import Binding, bindings, bound_fields


@dataclass(frozen=True)
class Query:
    """A binding, and a query that names a field in its path."""

    binding: Binding
    parameter: str

    def __str__(self) -> str:
        return f"{self.binding} ? {self.parameter}"


def queries() -> Iterator[Query]:
    """Yields every binding with every spelling of every field that its path binds."""
    for binding in bindings():
        for field in bound_fields(binding):
            for parameter in spellings(binding.method.descriptor.input_type, field):
                yield Query(binding, parameter)


def spellings(message: Descriptor, field: str) -> list[str]:
    """Returns a dotted field as in the proto and as in JSON."""
    kind: Descriptor | None = message
    steps = []
    for name in field.split("."):
        assert kind is not None
        step = kind.fields_by_name[name]
        steps.append(sorted({step.name, step.json_name}))
        kind = step.message_type
    return [".".join(names) for names in itertools.product(*steps)]


def encoded(name: str) -> str:
    """Returns a name with its first letter percent-encoded."""
    return f"%{ord(name[0]):x}{name[1:]}"


def test_most_bindings_have_a_field_in_their_path() -> None:
    with_field = {str(query.binding) for query in queries()}
    without = {str(one) for one in bindings()} - with_field
    assert len(with_field) > 2 * len(without)


@pytest.mark.parametrize("query", list(queries()), ids=str)
async def test_a_query_cannot_name_a_field_of_the_path(
    stack: Stack, session: aiohttp.ClientSession, query: Query
) -> None:
    """Seen to fail without the routes `path_fields_refused`: the RPC is reached, with the resource of the query."""
    for parameter in (query.parameter, encoded(query.parameter)):
        for text in (f"{parameter}=organizations/other", parameter, f"&x=1&{parameter}="):
            url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}{query.binding.path}?{text}"
            body = None if query.binding.verb in {"GET", "DELETE"} else "{}"
            sent = {"content-type": "application/json"}
            async with session.request(query.binding.verb, URL(url, encoded=True), data=body, headers=sent) as response:
                assert response.status == 400, text
                assert "must not name a resource" in (await response.json())["message"]


async def test_a_key_is_not_deleted_by_the_path_of_another(rest: Rest, stack: Stack) -> None:  # noqa: F811
    others = stack.demo["api_keys"][1]["name"]
    for text in (f"name={others}", f"n%61me={others}"):
        reply = await rest("DELETE", f"/v1/{{key}}?{text}")
        assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")
    for name in ("{key}", others):
        assert (await rest("GET", f"/v1/{name}")).status == 200


@pytest.mark.parametrize("text", ["path=Users/b", "p%61th=Users/b"])
async def test_a_scim_path_is_not_replaced(rest: Rest, text: str) -> None:  # noqa: F811
    """Seen to fail without the routes `path_fields_refused`: 401 of the service, which read the path of the query."""
    reply = await rest("DELETE", f"/scim/v2/Users/a?{text}")
    assert (reply.status, reason_of(reply)) == (400, "REQUEST_MALFORMED")


@pytest.mark.parametrize(
    "query", ["pageSize=1", "page_size=1&filter=name%3Dx", "filter=parent", "orderBy=display_name"]
)
async def test_other_parameters_pass(rest: Rest, query: str) -> None:  # noqa: F811
    reply = await rest("GET", f"/v1/{{o}}/apiKeys?{query}")
    assert "must not name a resource" not in reply.text
