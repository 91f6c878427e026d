"""The header by which callers of a virtual model ask for a model: `x-route: best`, `cheapest` or `model=NAME`."""

from typing import Final

OVERRIDE: Final = "x-route"
