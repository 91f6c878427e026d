"""The consoles for standard output and standard error."""

import sys
from typing import Final

from rich.console import Console

# A pipe has no width. 140 columns keep the table rows on one line.
console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
errors: Final = Console(stderr=True, highlight=False)
