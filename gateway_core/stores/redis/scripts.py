"""The sources of the Lua scripts, assembled from their shared parts."""

from importlib import resources
from typing import Final

from gateway_core.model.limits.rate_limits import SLICES_PER_WINDOW

AMOUNTS: Final = "amounts.lua"
WINDOWS: Final = "sliding_window.lua"
OPEN_HOLDS: Final = "open_holds.lua"
DECISIONS: Final = "decisions.lua"
_FOLDER: Final = resources.files("gateway_core.stores.redis")


def script_source(name: str, *shared: str) -> str:
    """Returns the source of a script, preceded by the parts that it shares with others: `AMOUNTS`, `WINDOWS` and so on."""
    parts = ((_FOLDER / part).read_text(encoding="utf-8") for part in (*shared, name))
    return "\n".join((f"local SLICES = {SLICES_PER_WINDOW}", *parts))
