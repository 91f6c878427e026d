"""What an entry of the audit log changed, in words."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict
from megarouter.admin.v1.guardrail_pb2 import Guardrail
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
        (
            {"creditLine": {"name": "organizations/a/creditLine"}},
            {
                "creditLine": {
                    "name": "organizations/a/creditLine",
                    "lineNanoCredits": "1000000000",
                    "usedNanoCredits": "7",
                }
            },
            "credit line: none → 1.00",
        ),
        ({"spentNanoCredits": "1", "callCount": "2"}, {"spentNanoCredits": "5", "callCount": "9"}, ""),
        ({"requiresBudget": False}, {"requiresBudget": True}, "requires budget: no → yes"),
    ],
)
def test_a_summary_names_each_changed_field_with_both_values(
    before: dict[str, Any], after: dict[str, Any], shown: str
) -> None:
    assert summary(before, after) == shown


def test_a_new_budget_for_some_models_is_shown_without_what_is_left_of_it() -> None:
    """Seen to fail while figures were left out at the top of a resource only: `..., remaining 50.00`."""
    budget = Guardrail.ModelBudget(models="openai/*", budget_nano_credits=50 * 10**9, remaining_nano_credits=50 * 10**9)
    after = MessageToDict(Guardrail(cycle=Guardrail.CYCLE_DAILY, model_budgets=[budget]))
    assert summary({"cycle": "CYCLE_DAILY"}, after) == "model budgets: none → budget 50.00, models openai/*"
    budget.spent_nano_credits = 7
    used = MessageToDict(Guardrail(cycle=Guardrail.CYCLE_DAILY, model_budgets=[budget]))
    assert summary(after, used) == ""


def output_figures(descriptor: Descriptor) -> Iterator[Any]:
    """Yields each number and flag that the service alone sets, at every depth of a resource, in a message that holds it."""
    for field in descriptor.fields:
        behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        name, many = field.json_name, field.is_repeated
        if field.message_type is None and field_behavior_pb2.OUTPUT_ONLY in behaviors and field.enum_type is None:
            if field.cpp_type != field.CPPTYPE_STRING:
                yield {name: True if field.cpp_type == field.CPPTYPE_BOOL else "7"}
        elif field.message_type is not None and field.message_type.file is descriptor.file:
            yield from ({name: [inner] if many else inner} for inner in output_figures(field.message_type))


def test_no_figure_of_a_guardrail_counts_as_a_change_at_any_depth() -> None:
    figures = list(output_figures(Guardrail.DESCRIPTOR))
    assert {"spentNanoCredits": "7"} in figures
    assert {"modelBudgets": [{"remainingNanoCredits": "7"}]} in figures
    assert [figure for figure in figures if field_changes({}, figure)] == []


def test_a_creation_shows_every_field_that_was_set() -> None:
    made = {"displayName": "Ops", "level": 1.0, "parentGroup": "", "createTime": "2026-11-30T00:00:00Z"}
    assert [str(change) for change in field_changes({}, made)] == ["display name: none → Ops", "level: none → 1"]
