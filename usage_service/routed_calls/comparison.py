"""What a routed call cost and would have cost: the same tokens with the baseline and with the chosen model.

The ledger does not depend on it. An amount that is not known stays unknown; it is never 0 for that.
"""

from typing import Final

from gateway_core.model.calls.holds import Claims
from gateway_core.model.catalog.pricing import charge_lines, total_nano_credits
from gateway_core.model.catalog.service import STANDARD
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.catalog.unpriced import unpriced
from gateway_core.stores.postgres.catalog_store import CatalogSnapshot

Compared = tuple[int | None, int | None]
UNKNOWN: Final[Compared] = (None, None)


def compared(claims: Claims, usage: TokenUsage, charge_nano_credits: int, catalog: CatalogSnapshot) -> Compared:
    """Returns the cost in nano-credits of a settled call with the baseline and with the chosen model; None for one that is unknown.

    The model that served costs what was charged. The other one would have used the same tokens, cached ones included, at its
    own prices.
    """
    routed = claims.routed
    if routed is None:
        return UNKNOWN

    def cost(model: str, version: int) -> int | None:
        if model == claims.requested_model:
            return charge_nano_credits
        schedule = catalog.schedule(model, version) if version else None
        if schedule is None or unpriced(usage, STANDARD, schedule):
            return None
        return total_nano_credits(charge_lines(usage, schedule))

    return cost(routed.baseline, routed.baseline_price_version), cost(routed.chosen, routed.chosen_price_version)
