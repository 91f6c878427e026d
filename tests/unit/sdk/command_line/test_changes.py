"""What an entry of the audit log changed, in words."""

from typing import Any

import pytest
from megarouter_admin.command_line.values.changes import field_changes, summary


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({}, {"displayName": "Ada"}, "new"),
        ({"displayName": "Ada"}, {}, "deleted"),
        ({"displayName": "Ada"}, {"displayName": "Ada", "deleteTime": "2026-11-30T00:00:00Z"}, "deleted"),
        ({}, {}, ""),
        ({"role": "ROLE_MEMBER"}, {"role": "ROLE_SUB_ADMIN"}, "role: member → sub-admin"),
        ({}, {"etag": "a"}, "new"),
        ({"etag": "a", "updateTime": "1"}, {"etag": "b", "updateTime": "2"}, ""),
        (
            {"cycle": "CYCLE_NEVER"},
            {"cycle": "CYCLE_DAILY", "budgetNanoCredits": "25500000000"},
            "budget: none → 25.50; cycle: never → daily",
        ),
        (
            {"group": "organizations/a/groups/x", "keyLimit": 3.0},
            {"group": "", "keyLimit": 12_000.0},
            "group: x → none; key limit: 3 → 12,000",
        ),
        (
            {"modelWhitelist": {"entries": ["gpt-4o"]}},
            {"modelWhitelist": {"entries": ["gpt-4o", "openai/*"]}},
            "model whitelist: gpt-4o → gpt-4o, openai/*",
        ),
        ({"spentNanoCredits": "1", "callCount": "2"}, {"spentNanoCredits": "5", "callCount": "9"}, ""),
        ({"requiresBudget": False}, {"requiresBudget": True}, "requires budget: no → yes"),
    ],
)
def test_a_summary_names_each_changed_field_with_both_values(
    before: dict[str, Any], after: dict[str, Any], shown: str
) -> None:
    assert summary(before, after) == shown


def test_a_creation_shows_every_field_that_was_set() -> None:
    made = {"displayName": "Ops", "level": 1.0, "parentGroup": "", "createTime": "2026-11-30T00:00:00Z"}
    assert [str(change) for change in field_changes({}, made)] == ["display name: none → Ops", "level: none → 1"]
