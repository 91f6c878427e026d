"""What a hold says about the routing of its call is read back, also if an earlier release wrote it."""

import json

from gateway_core.model.routing.choice import Arm, Reason
from gateway_core.model.routing.routed_as import RoutedAs, decode_routed_as

ROUTED = RoutedAs(
    "assistant", 3, Arm.HOLDOUT, Reason.CHEAPEST, True, "summaries", "top", 1, "light", 2, "vm-1", 150  # noqa: FBT003
)  # fmt: skip


def test_every_value_is_read_back() -> None:
    assert decode_routed_as(json.loads(json.dumps(ROUTED.encode()))) == ROUTED


def test_a_hold_of_an_earlier_release_has_neither_an_id_nor_a_loss() -> None:
    old = decode_routed_as(list(ROUTED.encode())[:10])
    assert (old.chosen, old.chosen_price_version) == ("light", 2)
    assert (old.virtual_model_id, old.max_loss_basis_points) == ("", 0)
