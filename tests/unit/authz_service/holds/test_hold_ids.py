"""Ids of calls: the same in every replica that Envoy asks, and another one for each call."""

import os
from dataclasses import replace

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from authz_service.holds.hold_ids import hold_id_of
from authz_service.request.call import Call
from authz_service.request.envoy_messages import Forwarded, forward
from gateway_core.model.endpoints import Dialect
from ratelimit_service.handler import _ID_BYTES

CALL = Call("POST", "/v1/chat/completions", (), 2, number="1234567890", begun_epoch_ns=1_800_000_000_123_456_789)
OTHERS = (replace(CALL, number="1234567891"), replace(CALL, begun_epoch_ns=CALL.begun_epoch_ns + 1))


def test_a_call_has_the_same_ids_in_every_replica() -> None:
    assert hold_id_of(CALL, 1, os.urandom) == hold_id_of(CALL, 2, os.urandom)
    assert CALL.id_with("call") == replace(CALL).id_with("call")
    assert len({call.id_with("call") for call in (CALL, *OTHERS)}) == 3
    assert CALL.id_with("call") != hold_id_of(CALL, 1, os.urandom)
    assert len(CALL.id_with("call")) == len(hold_id_of(CALL, 1, os.urandom)) == _ID_BYTES


def test_only_calls_of_envoy_have_such_ids() -> None:
    unnumbered = replace(CALL, number="")
    assert unnumbered.id_with("call") == ""
    assert hold_id_of(unnumbered, 1, os.urandom) != hold_id_of(unnumbered, 1, os.urandom)


@pytest.mark.parametrize(("call_id", "sent"), [("call-1", {"call_id": "call-1"}), ("", {})])
def test_a_call_without_a_hold_has_its_id_in_the_metadata(call_id: str, sent: dict[str, str]) -> None:
    """Without it, ratelimit_service would count the call as often as it is asked."""
    answer = forward(Forwarded("acme", Dialect.OPENAI, "openai", "/v1/files/1", "", call_id=call_id))
    fields = external_auth_pb2.CheckResponse.FromString(answer).dynamic_metadata.fields
    assert {name: value.string_value for name, value in fields.items() if name.endswith("_id")} == sent
