"""The types of alert events, as rules name them and receivers get them."""

from typing import Final

THRESHOLD_REACHED: Final = "budget.threshold_reached"
EXHAUSTED: Final = "budget.exhausted"
RECOVERED: Final = "budget.recovered"
CHANNEL_DISABLED: Final = "channel.disabled"
DIGEST: Final = "digest"
TEST: Final = "test"

OF_RULES: Final = (THRESHOLD_REACHED, EXHAUSTED, RECOVERED)
"""Those that a rule can name. The others do not follow from rules, or say how a rule sends."""
