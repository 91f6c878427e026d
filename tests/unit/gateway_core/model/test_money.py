"""Amounts are integer nano-credits, rounded once, half up, and never floats (INV-10)."""

import ast
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import money
from gateway_core.model.calls import holds
from gateway_core.model.catalog import pricing
from gateway_core.model.ledger import transfers as ledger
from gateway_core.model.money import charge_nano_credits, format_credits

token_counts = st.integers(0, 2**40)
prices = st.integers(0, 10**15)


@given(token_counts, prices)
def test_a_charge_is_the_exact_product_rounded_half_up(token_count: int, price: int) -> None:
    exact = Fraction(token_count * price, 10**6)
    charge = charge_nano_credits(token_count, price)
    assert type(charge) is int
    assert charge == floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(
    ("token_count", "price", "charge"),
    [(1, 499_999, 0), (1, 500_000, 1), (1, 1_499_999, 1), (3, 500_000, 2), (0, 10**15, 0), (10**6, 7, 7)],
)
def test_halves_are_rounded_up(token_count: int, price: int, charge: int) -> None:
    assert charge_nano_credits(token_count, price) == charge


def test_products_beyond_64_bits_stay_exact() -> None:
    assert charge_nano_credits(2**40, 10**15) == 2**40 * 10**9


@pytest.mark.parametrize(("token_count", "price"), [(-1, 1), (1, -1), (-1, -1)])
def test_a_negative_argument_is_refused(token_count: int, price: int) -> None:
    with pytest.raises(ValueError, match="never negative"):
        charge_nano_credits(token_count, price)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (1_500_000_000, "1.50"),
        (1_234_567_890, "1.23456789"),
        (-1, "-0.000000001"),
        (-2_500_000_000, "-2.50"),
        (2**63 - 1, "9223372036.854775807"),
    ],
)
def test_credits_are_formatted_exactly(amount: int, text: str) -> None:
    assert format_credits(amount) == text


@pytest.mark.parametrize("module", [money, pricing, holds, ledger])
def test_modules_that_handle_money_use_no_float(module: object) -> None:
    path = Path(str(module.__file__))  # type: ignore[attr-defined]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Div), f"{path.name}: true division"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path.name}: {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id in {"float", "round", "Decimal"}), f"{path.name}: {node.id}"
