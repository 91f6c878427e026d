"""Filters of SCIM on a resource."""

from typing import Any

import pytest

from admin_service.scim.errors import ScimError
from admin_service.scim.filters import parse_filter

ADA: dict[str, Any] = {
    "id": "mem-1",
    "userName": "Ada",
    "active": True,
    "name": {"familyName": "Byron"},
    "emails": [{"value": "a@x.example", "type": "work"}, {"value": "h@x.example", "type": "home"}],
    "meta": {"lastModified": "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "ADA"', True),
        ('USERNAME Eq "ada"', True),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada"', True),
        ('id eq "MEM-1"', False),
        ('userName ne "ada"', False),
        ("active eq true", True),
        ('active eq "True"', True),
        ("active eq false", False),
        ('name.familyName sw "by"', True),
        ('emails eq "a@x.example"', True),
        ('emails.type eq "home"', True),
        ('emails[type eq "home" and value sw "a"]', False),
        ('emails[type eq "home" and value sw "h"]', True),
        ("title pr", False),
        ("userName pr and not (title pr)", True),
        ('title eq "x" or userName eq "x" and active eq true or id pr', True),
        ('meta.lastModified gt "2025-12-31"', True),
        ('userName eq "a\\"b"', False),
        ("userName eq 5", False),
    ],
)
def test_a_filter_matches(text: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert parse_filter(text)(ADA) is expected


@pytest.mark.parametrize(
    "text",
    ["", "userName", "userName eq", "userName like x", '"x" eq "y"', "(a pr", "a pr)", "a pr b pr", 'a eq "x', "not a pr",
     "a[b pr", "(" * 50 + "a pr" + ")" * 50, "a eq " + "1" * 1_000, "a eq x", "a..b pr"],
)  # fmt: skip
def test_a_bad_filter_is_refused(text: str) -> None:
    with pytest.raises(ScimError) as raised:
        parse_filter(text)
    assert raised.value.scim_type == "invalidFilter"
