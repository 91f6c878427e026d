"""Whom an issuer vouches for, as the file of identity providers says."""

from pathlib import Path

import pytest

from admin_service.sign_in.issuers import IssuersError, read_issuers

A, B, C = "https://a.example", "https://b.example", "https://c.example"
ONE = f"identity_providers: [{{name: a, issuer: '{A}', audiences: [x], jwks_file: /x}}]"
SEVERAL = f"""
identity_providers:
  - {{issuer: '{A}', email_domains: [Acme.Example, acme.org], organizations: [acme]}}
  - {{issuer: '{B}'}}
  - {{issuer: '{C}', email_domains: [c.example], email_claim: upn}}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "providers.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_no_issuer_vouches_for_anyone() -> None:
    assert not read_issuers(None).vouch(A, "ann@acme.example")


def test_a_single_issuer_without_domains_vouches_for_every_address(tmp_path: Path) -> None:
    issuers = read_issuers(written(tmp_path, ONE))
    assert issuers.vouch(A, "ann@acme.example")
    assert not issuers.vouch(B, "ann@acme.example")
    assert not issuers.let_map(A, "acme")


@pytest.mark.parametrize(
    ("issuer", "email", "vouches"),
    [
        (A, "ann@acme.example", True),
        (A, "ann@acme.org", True),
        (A, "ann@sub.acme.example", False),
        (A, "ann@notacme.example", False),
        (A, '"ann@acme.example"@evil.example', False),
        (B, "ann@acme.example", False),
    ],
)
def test_of_several_issuers_each_vouches_for_its_own_domains_only(
    tmp_path: Path, issuer: str, email: str, *, vouches: bool
) -> None:
    assert read_issuers(written(tmp_path, SEVERAL)).vouch(issuer, email) is vouches


def test_an_issuers_claims_are_open_to_the_listed_organizations(tmp_path: Path) -> None:
    issuers = read_issuers(written(tmp_path, SEVERAL))
    assert issuers.let_map(A, "acme")
    assert not issuers.let_map(A, "other")
    assert not issuers.let_map(B, "acme")


def test_an_address_is_taken_from_the_claim_that_the_file_names(tmp_path: Path) -> None:
    issuers = read_issuers(written(tmp_path, SEVERAL))
    assert [issuers.email_claim(issuer) for issuer in (A, B, C, "https://unknown.example", None, [C])] == [
        None,
        None,
        "upn",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "identity_providers: 1",
        "identity_providers: [{}]",
        "identity_providers: [",
        *(
            f"identity_providers: [{{issuer: x, email_domains: {domains}}}]"
            for domains in ("[]", "['*']", "['@acme.example']", "['*.acme.example']", "['acme.example.']", "[acme]")
        ),
        "identity_providers: [{issuer: x, organizations: ['A B']}]",
        "identity_providers: [{issuer: x, email_claim: upn}]",
        "identity_providers: [{issuer: x, email_claim: name, email_domains: [acme.example]}]",
    ],
)
def test_a_file_that_is_not_valid_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(IssuersError, match=r"providers\.yaml"):
        read_issuers(written(tmp_path, text))


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IssuersError, match="cannot be read"):
        read_issuers(tmp_path / "none.yaml")
