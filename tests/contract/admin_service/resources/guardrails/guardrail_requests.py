"""Requests on guardrails of the organization of the tests."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"


def name_of(guardrail: str) -> str:
    return f"{ACME}/guardrails/{guardrail}"


def get(guardrail: str) -> guardrail_pb2.GetGuardrailRequest:
    return guardrail_pb2.GetGuardrailRequest(name=name_of(guardrail))


def update(
    guardrail: str, paths: Sequence[str] = (), *, validate_only: bool = False, request_id: str = "", **fields: Any
) -> guardrail_pb2.UpdateGuardrailRequest:
    return guardrail_pb2.UpdateGuardrailRequest(
        guardrail=Guardrail(name=name_of(guardrail), **fields),
        update_mask=FieldMask(paths=paths),
        validate_only=validate_only,
        request_id=request_id,
        allow_unknown_models=True,
    )


async def set_limits(
    client: Client, guardrail: str, caller: str = "super", paths: Sequence[str] = (), **fields: Any
) -> Any:
    etag = (await client.call("GetGuardrail", get(guardrail))).etag
    return await client.call("UpdateGuardrail", update(guardrail, paths, etag=etag, **fields), caller)


async def listed(client: Client, caller: str, **fields: Any) -> list[str]:
    request = guardrail_pb2.ListGuardrailsRequest(parent=ACME, **fields)
    page = await client.call("ListGuardrails", request, caller)
    return [rail.name.rpartition("/")[2] for rail in page.guardrails]
