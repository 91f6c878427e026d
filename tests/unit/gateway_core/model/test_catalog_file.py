"""The pieces of catalogs in the guides are valid."""

import re

import pytest
import yaml

from gateway_core.model.catalog.entries import Catalog
from tests.support.repository import ROOT

GUIDES = ROOT / "docs" / "guides"
PIECES = [
    (page, piece)
    for page in ("deployments.md", "providers.md")
    for piece in re.findall(r"```yaml\n(.*?)```", (GUIDES / page).read_text(encoding="utf-8"), re.DOTALL)
]


def test_the_guides_have_pieces() -> None:
    assert len(PIECES) == 6


@pytest.mark.parametrize(("page", "piece"), PIECES)
def test_a_piece_is_valid(page: str, piece: str) -> None:
    document = {"models": [], **yaml.safe_load(piece)}
    assert Catalog.model_validate(document).with_provider_prices().providers, page
