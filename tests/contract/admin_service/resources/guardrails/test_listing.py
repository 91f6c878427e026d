"""Lists of guardrails."""

import grpc
import pytest
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import ACME, get, listed, set_limits


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        (
            "super",
            [
                "apikey-key-member",
                "group-inference",
                "group-platform",
                "group-sales",
                "member-below",
                "member-sales",
                "organization",
            ],
        ),
        ("sub", ["apikey-key-member", "group-inference", "group-platform", "member-below", "organization"]),
        ("member", ["apikey-key-member", "group-platform", "organization"]),
        ("sales", ["group-sales", "member-sales", "organization"]),
    ],
)
async def test_a_list_shows_only_visible_guardrails(client: Client, caller: str, names: list[str]) -> None:
    for guardrail in (
        "organization", "group-platform", "group-inference", "group-sales", "member-below", "member-sales", "apikey-key-member",
    ):  # fmt: skip
        await set_limits(client, guardrail, budget_nano_credits=1)
    assert await listed(client, caller) == names
    for guardrail in names:
        await client.call("GetGuardrail", get(guardrail), caller)
    paged: list[str] = []
    token = ""
    while token or not paged:
        request = guardrail_pb2.ListGuardrailsRequest(parent=ACME, page_size=2, page_token=token)
        page = await client.call("ListGuardrails", request, caller)
        paged += [rail.name.rpartition("/")[2] for rail in page.guardrails]
        token = page.next_page_token
    assert paged == names


async def test_a_list_is_filtered(client: Client) -> None:
    await set_limits(client, "member-below", budget_nano_credits=5, mode=Guardrail.MODE_SHADOW)
    await set_limits(client, "group-eng", budget_nano_credits=50, cycle=Guardrail.CYCLE_DAILY)
    assert await listed(client, "super", filter="mode = SHADOW") == ["member-below"]
    assert await listed(client, "super", filter="cycle = CYCLE_DAILY AND budget_nano_credits > 5") == ["group-eng"]
    assert await listed(client, "super", filter="scope_kind = GROUP") == ["group-eng"]
    assert await listed(client, "super", filter=f'member = "{ACME}/members/below"') == ["member-below"]
    failure = await client.failure(
        "ListGuardrails", guardrail_pb2.ListGuardrailsRequest(parent=ACME, filter="etag = x")
    )
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("filter",))
