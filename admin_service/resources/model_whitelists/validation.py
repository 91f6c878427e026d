"""Refuses entries of whitelists and rate limits that match no model of the catalog, because they would have no effect."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.resources.model_whitelists.entries import MAX_SHOWN, OfferedModels
from gateway_core.model.limits.model_whitelists import Offered
from gateway_core.stores.postgres.connections import Connection

_OFFERED: Final = """
SELECT model_name, provider_id, coalesce(definition -> 'aliases', '[]') AS aliases FROM models WHERE offered ORDER BY model_name
"""


async def require_known_models(connection: Connection, entries: Mapping[str, Sequence[str]]) -> None:
    """Checks that each well-formed entry matches a model on offer.

    Args:
        connection: where the catalog is read.
        entries: the new entries by the field that they stand in.

    Raises:
        AdminError: FIELD_INVALID, with the nearest entries.
    """
    if not any(entries.values()):
        return
    offered = OfferedModels(
        (name, provider, json.loads(aliases)) for name, provider, aliases in await connection.fetch(_OFFERED)
    )
    unknown = [(field, entry) for field, listed in entries.items() for entry in listed if not offered.matches(entry)]
    if unknown:
        named = [FieldViolation(field, _advice(entry, offered)) for field, entry in unknown[:MAX_SHOWN]]
        if more := len(unknown) - MAX_SHOWN:
            named += [FieldViolation(unknown[-1][0], f"{more} more match no model")] if more > 0 else []
        raise invalid_fields(*named)


async def offered_models(connection: Connection) -> Offered:
    """Returns the provider of each model on offer, by public name."""
    return {name: provider for name, provider, _ in await connection.fetch(_OFFERED)}


def _advice(entry: str, offered: OfferedModels) -> str:
    nearest = " or ".join(repr(spelling) for spelling in offered.nearest(entry))
    instead = f"write {nearest}, or " if nearest else ""
    return f"{entry!r} matches no model of the catalog; {instead}set allow_unknown_models for models that are still to come"
