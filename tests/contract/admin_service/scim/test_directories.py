"""Whole requests as Okta and Microsoft Entra ID send them."""

import json
from typing import Any

import asyncpg

from tests.contract.admin_service.scim.conftest import DirectoryClient
from tests.contract.admin_service.scim.test_users import ADA, state_of


async def test_okta_finds_deactivates_and_renames_by_put(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    """Okta looks for the name first, and sends the whole user, with attributes that are not kept."""
    whole: dict[str, Any] = {**ADA, "password": "never kept", "groups": [], "locale": "en-US"}
    made = await directory("POST", "Users", whole)
    found = await directory("GET", "Users", filter='userName eq "ADA@acme.example"', start_index=1, count=100)
    assert [one["id"] for one in found.body["Resources"]] == [made.id]
    assert "never kept" not in json.dumps([made.body, found.body])
    for changes, state in (
        ({"active": False}, "SUSPENDED"),
        ({"active": True, "userName": "ada.l@acme.example"}, "ACTIVE"),
    ):
        answer = await directory(
            "PUT", f"Users/{made.id}", {**whole, **changes, "id": made.id, "meta": made.body["meta"]}
        )
        assert (answer.status, await state_of(owner, made.id)) == (200, state)
    assert answer.body["userName"] == "ada.l@acme.example"
    assert not (await directory("GET", "Users", filter='userName eq "ada@acme.example"')).body["Resources"]


async def test_entra_finds_by_its_own_id_and_changes_several_attributes_at_once(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = (await directory("POST", "Users", ADA)).id
    found = await directory("GET", "Users", filter='externalId eq "00u1"')
    assert [one["id"] for one in found.body["Resources"]] == [user]
    operations = [
        {"op": "Add", "path": "displayName", "value": "Ada Lovelace"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "lovelace@acme.example"},
        {
            "op": "Replace",
            "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "value": "R&D",
        },
        {"op": "Replace", "path": "active", "value": "False"},
    ]
    answer = await directory("PATCH", f"Users/{user}", {"Operations": operations})
    assert (answer.status, answer.body["active"], answer.body["displayName"]) == (200, False, "Ada Lovelace")
    assert answer.body["emails"][0]["value"] == "lovelace@acme.example"
    assert await state_of(owner, user) == "SUSPENDED"
