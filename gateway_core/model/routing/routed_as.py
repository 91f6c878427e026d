"""What a hold says about the routing of its call, so that its settlement can compare what both models cost."""

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Final

from gateway_core.model.record_decorator import record
from gateway_core.model.routing.choice import Arm, Reason

Encoded = tuple[str, int, str, str, bool, str, str, int, str, int, str, int]


@record(frozen=True, slots=True)
class RoutedAs:
    """The choice about a call."""

    virtual_model: str
    """The name that the caller used."""
    revision: int
    """Of the virtual model."""
    # Python 3.11 hashes members of enumerations slowly, and the rest tells nearly all choices apart.
    arm: Arm = field(hash=False)
    reason: Reason = field(hash=False)
    is_simple: bool
    use_case: str
    baseline: str
    baseline_price_version: int
    """0 if the baseline could not serve the call, so that nothing is compared with it."""
    chosen: str
    chosen_price_version: int
    virtual_model_id: str = ""
    """Empty for one of the catalog."""
    max_loss_basis_points: int = 0
    """The loss that the policy of the caller allows."""

    def encode(self) -> Encoded:
        """Returns the values in the order of the fields, for JSON."""
        return (
            self.virtual_model,
            self.revision,
            self.arm.value,
            self.reason.value,
            self.is_simple,
            self.use_case,
            self.baseline,
            self.baseline_price_version,
            self.chosen,
            self.chosen_price_version,
            self.virtual_model_id,
            self.max_loss_basis_points,
        )


def decode_routed_as(values: Sequence[Any]) -> RoutedAs:
    """Returns what `RoutedAs.encode` wrote. Holds of an earlier release have less at the end."""
    virtual_model, revision, arm, reason, *rest = values
    return RoutedAs(virtual_model, revision, _ARMS[arm], _REASONS[reason], *rest)


_ARMS: Final = {arm.value: arm for arm in Arm}
_REASONS: Final = {reason.value: reason for reason in Reason}
