"""Writes the choices about calls to virtual models, in the transaction that settles the calls."""

from collections.abc import Sequence
from typing import Final

from gateway_core.model.calls.holds import Hold
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.packed_columns import insert_packed, packed_columns
from usage_service.routed_calls.comparison import Compared

Row = tuple[str | int | None, ...]
"""Values as `packed` takes them: arrays as texts separated by spaces, instants in microseconds since the epoch."""
_COLUMNS: Final = (
    *("organization_id", "hold_id", "sequence:bigint", "virtual_model", "revision:integer", "arm", "reason"),
    *("is_simple:boolean", "use_case", "baseline_model", "baseline_price_version:integer", "chosen_model"),
    *("chosen_price_version:integer", "virtual_model_id", "max_loss_basis_points:integer"),
    *(
        "baseline_nano_credits:bigint",
        "chosen_nano_credits:bigint",
        "place_time:instant",
        "session",
        "request_id",
        "turns:integer",
        "signals:texts",
    ),
)
# The report of an expired hold says what the call cost after all.
_INSERT: Final = (
    insert_packed("routed_calls", _COLUMNS)
    + " ORDER BY p.hold_id ON CONFLICT (hold_id) DO UPDATE"
    + " SET baseline_nano_credits = excluded.baseline_nano_credits, chosen_nano_credits = excluded.chosen_nano_credits,"
    + " request_id = excluded.request_id, signals = excluded.signals"
)


def routed_row(hold: Hold, sequence: int, compared: Compared, request_id: str, signals: Sequence[str]) -> Row:
    """Returns the choice about a call to a virtual model.

    Args:
        hold: that of the call.
        sequence: of its record.
        compared: what both models cost.
        request_id: the `x-request-id` that the caller got.
        signals: what went wrong.

    Raises:
        ValueError: the caller named the model.
    """
    routed = hold.claims.routed
    if routed is None:
        raise ValueError("the call was not routed")
    values = [int(value) if isinstance(value, bool) else value for value in routed.encode()]
    return (
        hold.claims.organization,
        hold.hold_id,
        sequence,
        *values,
        *compared,
        hold.placed_epoch_us,
        hold.session or None,
        request_id or None,
        hold.turns or None,
        " ".join(signals),
    )


async def insert_routed(connection: Connection, rows: Sequence[Row]) -> None:
    """Writes rows, at least one."""
    await connection.execute(_INSERT, *packed_columns(rows))
