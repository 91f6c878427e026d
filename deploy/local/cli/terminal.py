"""Where the commands write to."""

import sys
from typing import Final

from rich.console import Console

# A pipe has no width of its own: there the tables get room to stay in line.
console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
errors: Final = Console(stderr=True, highlight=False)
