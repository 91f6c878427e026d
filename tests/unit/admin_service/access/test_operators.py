"""Who is an operator, by the settings."""

import pytest

from admin_service.access.operators import Identity, Operators, parse_operators
from admin_service.demo import content
from deploy.local.stack.environment import DEMO_OPERATORS

A, B = "https://a.example", "https://b.example/tenant"
SETTING = f"""
    user:olivia  {A}#subject=auth0|1
    {A}#email=Olivia@Acme.example {B}#claim:groups=operators
    {B}#claim:https://acme.example/role=a=b
"""
OPERATORS = parse_operators(SETTING)


def test_an_empty_setting_names_no_operator() -> None:
    assert parse_operators("  ") == Operators()
    assert not Operators().include_sign_in("u", Identity(A, "s"), "u@acme.example", {"groups": ["operators"]})


def test_a_user_is_named_by_id_subject_or_address() -> None:
    assert OPERATORS.include_user("olivia", [])
    assert OPERATORS.include_user("u", [(Identity(A, "auth0|1"), None)])
    assert OPERATORS.include_user("u", [(Identity(A, "other"), "olivia@acme.example")])


@pytest.mark.parametrize(
    ("user", "identities"),
    [
        ("u", []),
        ("u", [(Identity(B, "other"), "olivia@acme.example")]),
        ("u", [(Identity(B, "other"), "olivia@acme.example"), (Identity(A, "third"), None)]),
        ("u", [(Identity(B, "auth0|1"), None)]),
        ("olivia2", [(Identity(A, "auth0|2"), "u@acme.example")]),
    ],
)
def test_only_the_named_issuer_counts(user: str, identities: list[tuple[Identity, str | None]]) -> None:
    assert not OPERATORS.include_user(user, identities)


@pytest.mark.parametrize(
    ("issuer", "claims", "is_operator"),
    [
        (B, {"groups": "operators"}, True),
        (B, {"groups": ["staff", "operators"]}, True),
        (B, {"https://acme.example/role": "a=b"}, True),
        (A, {"groups": ["operators"]}, False),
        (B, {"groups": "operators staff"}, False),
        (B, {"groups": {"operators": True}}, False),
        (B, {"groups": [["operators"]]}, False),
        (B, {}, False),
    ],
)
def test_a_claim_counts_only_at_its_issuer_and_only_exactly(
    *, issuer: str, claims: dict[str, object], is_operator: bool
) -> None:
    assert OPERATORS.include_sign_in("u", Identity(issuer, "s"), None, claims) is is_operator


@pytest.mark.parametrize(
    "entry",
    [
        "olivia", "user:", "user:Olivia", "olivia@acme.example", f"{A}#email=", f"{A}#claim:=x", f"{A}#name=x", "#email=a@b",
        "ftp://a.example#subject=x",
    ],
)  # fmt: skip
def test_a_malformed_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="names no operator"):
        parse_operators(f"user:olivia {entry}")


def test_the_operator_of_the_demo_is_its_super_admin() -> None:
    assert content.OPERATORS == DEMO_OPERATORS
    assert parse_operators(DEMO_OPERATORS).users == {f"{content.ORGANIZATION}-{content.ADMIN}"}
