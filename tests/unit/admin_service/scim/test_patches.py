"""A PATCH in the forms of Entra and Okta, on what SCIM keeps."""

from typing import Any

import pytest

from admin_service.scim.attributes import GROUP, USER
from admin_service.scim.errors import ScimError
from admin_service.scim.patches import MAX_OPERATIONS, patched

ADA: dict[str, Any] = {
    "userName": "ada",
    "name": {"givenName": "Ada", "familyName": "Byron"},
    "emails": [{"value": "a@x.example", "type": "work", "primary": True}],
}


def after(*operations: dict[str, Any]) -> dict[str, Any]:
    return patched(ADA, {"schemas": [], "Operations": list(operations)}, USER)


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        ({"op": "Replace", "path": "userName", "value": "lovelace"}, {"userName": "lovelace"}),
        ({"op": "Add", "path": "active", "value": "False"}, {"active": False}),
        ({"op": "replace", "value": {"active": False}}, {"active": False}),
        ({"op": "replace", "value": {"name.givenName": "A"}}, {"name": {"givenName": "A", "familyName": "Byron"}}),
        ({"op": "replace", "path": "name", "value": {"givenName": "A"}}, {"name": ADA["name"] | {"givenName": "A"}}),
        ({"op": "remove", "path": "name.givenName"}, {"name": {"familyName": "Byron"}}),
        (
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "b@x.example"},
            {"emails": [{"value": "b@x.example", "type": "work", "primary": True}]},
        ),
        (
            {"op": "Add", "path": 'emails[type eq "home"].value', "value": "h@x.example"},
            {"emails": [*ADA["emails"], {"type": "home", "value": "h@x.example"}]},
        ),
        (
            {"op": "add", "path": "emails", "value": [{"value": "c@x.example", "primary": True}]},
            {"emails": [ADA["emails"][0] | {"primary": False}, {"value": "c@x.example", "primary": True}]},
        ),
        ({"op": "add", "path": "emails", "value": ADA["emails"]}, {}),
        ({"op": "remove", "path": 'emails[type eq "fax"]'}, {}),
        (
            {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:displayName", "value": "L"},
            {"displayName": "L"},
        ),
        ({"op": "add", "path": "title", "value": "Countess"}, {}),
        ({"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "x"}, {}),
        ({"op": "replace", "value": {"id": "x", "displayName": "L"}}, {"displayName": "L"}),
    ],
)
def test_an_operation_changes_what_it_names(operation: dict[str, Any], changed: dict[str, Any]) -> None:
    assert after(operation) == ADA | changed
    assert after(operation, operation) == after(operation)


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "move", "path": "active", "value": True}, "invalidSyntax"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "name[givenName eq 1]", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 'emails[type sw "f"].value', "value": "x"}, "noTarget"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "add", "value": "x"}, "invalidValue"),
        ({"op": "add", "path": 5, "value": "x"}, "invalidPath"),
    ],
)
def test_a_bad_operation_is_refused(operation: dict[str, Any], scim_type: str) -> None:
    with pytest.raises(ScimError) as raised:
        after({"op": "replace", "path": "displayName", "value": "L"}, operation)
    assert raised.value.scim_type == scim_type


def test_operations_are_bounded() -> None:
    with pytest.raises(ScimError) as raised:
        after(*[{"op": "add", "path": "active", "value": True}] * (MAX_OPERATIONS + 1))
    assert raised.value.scim_type == "tooMany"


def test_members_leave_a_group_in_both_forms_of_entra() -> None:
    group = {"displayName": "g", "members": [{"value": one} for one in "abc"]}
    gone = [
        {"op": "Remove", "path": "members", "value": [{"value": "a"}]},
        {"op": "Remove", "path": 'members[value eq "b"]'},
    ]
    assert patched(group, {"Operations": gone}, GROUP)["members"] == [{"value": "c"}]
