"""The identity in a verified payload, and the proof that a call comes from Envoy."""

import base64
import json
from typing import Any

import pytest

from admin_service.access.identity_tokens import EdgeProof, ProviderUser, identity_of_claims, verified_claims

SECRET = "5e" * 32
CLAIMS = {
    "iss": "https://id.example",
    "sub": "person-1",
    "email": "Mia@Acme.example",
    "email_verified": True,
    "name": "Mia",
}


def encoded(claims: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


def test_an_identity_has_issuer_subject_and_the_lowercase_verified_address() -> None:
    assert identity_of_claims(CLAIMS) == ProviderUser("https://id.example", "person-1", "mia@acme.example", "Mia")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": None},
        {"iss": ""},
        {"iss": "x" * 501},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"sub": "a\ud800"},
    ],
)
def test_claims_without_a_valid_subject_give_no_identity(claims: dict[str, Any]) -> None:
    assert identity_of_claims({**CLAIMS, **claims}) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"email": None},
        {"email": "mia"},
        {"email": "mia@"},
        {"email": "@acme.example"},
        {"email": "mia@acme.example@evil.example"},
        {"email": "mia@acme.example\n"},
        {"email": "mi\u0131a@acme.example"},
        {"email": "\u212aim@acme.example"},
        {"email": "mia@" + "x" * 254},
    ],
)
def test_an_unverified_or_malformed_address_is_ignored(claims: dict[str, Any]) -> None:
    identity = identity_of_claims({**CLAIMS, **claims})
    assert identity is not None
    assert identity.verified_email is None


UNSAID = {name: value for name, value in CLAIMS.items() if name != "email_verified"}


@pytest.mark.parametrize(
    ("email_claim", "claims", "address"),
    [
        (None, UNSAID, None),
        ("email", UNSAID, "mia@acme.example"),
        ("email", {**UNSAID, "email_verified": False}, None),
        ("email", {**UNSAID, "email_verified": "true"}, None),
        ("email", {**UNSAID, "xms_edov": True}, "mia@acme.example"),
        ("email", {**UNSAID, "xms_edov": "1"}, "mia@acme.example"),
        ("email", {**UNSAID, "xms_edov": False}, None),
        ("email", {**UNSAID, "xms_edov": "0"}, None),
        ("email", {**UNSAID, "xms_edov": None}, None),
        ("preferred_username", UNSAID, None),
        ("preferred_username", {**UNSAID, "preferred_username": "M.Lee@acme.example"}, "m.lee@acme.example"),
        ("upn", {**UNSAID, "upn": "guest_partner.example#EXT#@acme.example"}, "guest_partner.example#ext#@acme.example"),
        ("upn", {**UNSAID, "upn": "mia"}, None),
        ("upn", {**UNSAID, "upn": ["mia@acme.example"]}, None),
    ],
)  # fmt: skip
def test_an_address_without_verification_counts_in_the_claim_that_the_operator_named(
    email_claim: str | None, claims: dict[str, Any], address: str | None
) -> None:
    identity = identity_of_claims(claims, email_claim)
    assert identity is not None
    assert identity.verified_email == address


@pytest.mark.parametrize(("name", "shown"), [(None, "mia@acme.example"), ("", "mia@acme.example"), ("Ann", "Ann")])
def test_a_user_without_a_name_is_shown_by_address(name: str | None, shown: str) -> None:
    identity = identity_of_claims({**CLAIMS, "name": name})
    assert identity is not None
    assert identity.display_name == shown


def test_a_user_without_name_and_address_is_shown_by_subject() -> None:
    identity = identity_of_claims({"iss": "https://id.example", "sub": "person-1"})
    assert identity is not None
    assert identity.display_name == "person-1"


def test_the_payload_must_be_that_of_the_callers_token() -> None:
    payload = encoded(CLAIMS)
    token = f"header.{payload}.signature"
    assert verified_claims(token, [("x-megarouter-identity", payload)]) is not None
    for metadata in (
        [],
        [("x-megarouter-identity", encoded({**CLAIMS, "sub": "other"}))],
        [("x-megarouter-identity", payload)] * 2,
    ):
        assert verified_claims(token, metadata) is None
    for other in (payload, f"{payload}.{payload}", f"{token}.more", ""):
        assert verified_claims(other, [("x-megarouter-identity", payload)]) is None


@pytest.mark.parametrize(
    "payload", ["", "!!!", encoded([]), encoded("x"), "bm90IGpzb24", encoded(CLAIMS)[:-3], "x" * 20_000]
)
def test_a_payload_that_is_not_a_json_object_gives_no_identity(payload: str) -> None:
    assert verified_claims(f"h.{payload}.s", [("x-megarouter-identity", payload)]) is None


def test_only_the_secret_of_the_deployment_proves_the_edge() -> None:
    proof = EdgeProof(SECRET)
    name = "x-megarouter-edge-secret"
    assert proof.holds([("other", "x"), (name, SECRET)])
    for metadata in (
        [],
        [(name, "")],
        [(name, SECRET[:-1])],
        [(name, SECRET)] * 2,
        [(name, SECRET.encode())],
        [(name, "\u00e9")],
    ):
        assert not proof.holds(metadata)


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nothing_proves_the_edge(secrets: tuple[str, ...]) -> None:
    assert not EdgeProof(*secrets).holds([("x-megarouter-edge-secret", "")])


def test_while_the_secret_is_replaced_both_prove_the_edge() -> None:
    proof = EdgeProof("ab" * 32, SECRET)
    assert [proof.holds([("x-megarouter-edge-secret", each)]) for each in ("ab" * 32, SECRET, "cd" * 32)] == [
        True,
        True,
        False,
    ]
