"""Names a hold after its call, so that repeating the question about the call never places a second one."""

from collections.abc import Callable
from typing import Final

from authz_service.request.call import Call
from gateway_core.model.ids import make_id

_PREFIX: Final = "hold"
_RANDOM_BYTES: Final = 10


def hold_id_of(call: Call, now_epoch_ms: int, random_bytes: Callable[[int], bytes]) -> str:
    """Returns the id of the call's hold, the same in every replica.

    If a replica dies while it decides, Envoy asks another one, with the same bytes. The dead one may have placed the hold.
    Under the same id, Redis and the holds table take it only once.

    Args:
        call: the call. Envoy numbers it at random (64 bits) and says when it began.
        now_epoch_ms: the time of an id for a call that has no number, because something other than Envoy asks.
        random_bytes: makes such an id unique.
    """
    return call.id_with(_PREFIX) or make_id(_PREFIX, now_epoch_ms, random_bytes(_RANDOM_BYTES))
