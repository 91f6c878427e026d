"""Additional rate limits of a guardrail: other units than a minute, and limits for some models only."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import guardrail_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, update


def rate(unit: str = "HOUR", **fields: Any) -> guardrail_pb2.Guardrail.RateLimit:
    return guardrail_pb2.Guardrail.RateLimit(
        unit=guardrail_pb2.Guardrail.RateLimit.Unit.Value(f"UNIT_{unit}"), **fields
    )


async def test_rate_limits_are_stored_as_set(client: Client) -> None:
    rates = [rate("DAY", requests=1_000), rate("MINUTE", models="openai/*", requests=0, tokens=50_000)]
    made = await client.call("UpdateGuardrail", update("group-eng", rate_limits=rates))
    assert list(made.rate_limits) == rates
    assert await client.call("GetGuardrail", get("group-eng")) == made
    again = await client.call("UpdateGuardrail", update("group-eng", rate_limits=rates, etag=made.etag))
    assert again.etag == made.etag, "nothing was changed"
    cleared = guardrail_pb2.UpdateGuardrailRequest(
        guardrail=guardrail_pb2.Guardrail(name=made.name, etag=made.etag), update_mask=FieldMask(paths=["rate_limits"])
    )
    assert not (await client.call("UpdateGuardrail", cleared)).rate_limits


@pytest.mark.parametrize(
    ("rates", "index"),
    [
        ([rate()], 0),
        ([rate(tokens=1)], 0),
        ([rate("MINUTE", requests=1)], 0),
        ([rate("MINUTE", models="openai*", tokens=1)], 0),
        ([rate(requests=1), rate(requests=2)], 1),
    ],
)
async def test_an_empty_or_repeated_rate_limit_is_refused(
    client: Client, rates: list[guardrail_pb2.Guardrail.RateLimit], index: int
) -> None:
    failure = await client.failure("UpdateGuardrail", update("group-eng", rate_limits=rates))
    assert failure.fields == (f"guardrail.rate_limits[{index}]",)


async def test_a_guardrail_has_at_most_16_rate_limits(client: Client) -> None:
    rates = [rate(models=f"model-{number}", requests=1) for number in range(17)]
    assert (await client.failure("UpdateGuardrail", update("group-eng", rate_limits=rates))).fields == (
        "guardrail.rate_limits",
    )
