"""Paths of the checkout under test, and of the folders with expected files."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CORPUS: Final = ROOT / "tests" / "corpus"
GOLDEN: Final = ROOT / "tests" / "golden"
