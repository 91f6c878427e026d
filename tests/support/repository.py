"""Where the checkout under test lies, and the folders of files that tests compare with."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CORPUS: Final = ROOT / "tests" / "corpus"
GOLDEN: Final = ROOT / "tests" / "golden"
