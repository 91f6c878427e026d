"""Cells become rows of an import, and members become cells."""

import pytest
from megarouter.admin.v1.messages import Group, Guardrail, Member, ModelWhitelist
from megarouter.type.v1.role_pb2 import ROLE_SUB_ADMIN
from megarouter_admin.command_line.resources.people.member_rows import COLUMNS, cells_of, group_paths, member_row

ACME = "organizations/acme"
MAIL = {"address": "emma@acme.example"}


def group(ident: str, name: str, *above: str) -> Group:
    path = [f"{ACME}/groups/{one}" for one in (*above, ident)]
    return Group(name=path[-1], display_name=name, path=path, parent_group=path[-2] if above else "")


def test_an_empty_cell_leaves_everything_as_it_is() -> None:
    row = member_row({**MAIL, "group": "", "role": "", "budget": "", "cycle": "", "rpm": "", "models": "", "name": "x"})
    assert (row.email, row.role, row.HasField("group_path"), list(row.removed_limits)) == (
        MAIL["address"],
        0,
        False,
        [],
    )
    assert not row.limits.ListFields()


def test_cells_are_read_as_people_write_them() -> None:
    row = member_row(
        {
            **MAIL,
            "group": "Eng/A",
            "role": "Sub Admin",
            "budget": "25.5",
            "cycle": "Monthly",
            "rpm": "60",
            "models": "a; b,a\nc",
        }
    )
    assert (row.role, row.group_path, row.limits.budget_nano_credits) == (ROLE_SUB_ADMIN, "Eng/A", 25_500_000_000)
    assert (row.limits.cycle, row.limits.requests_per_minute) == (Guardrail.CYCLE_MONTHLY, 60)
    assert list(row.limits.model_whitelist.entries) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "rollover"),
    [
        ("On", Guardrail.Rollover(enabled=True)),
        ("10.5", Guardrail.Rollover(enabled=True, cap_nano_credits=10_500_000_000)),
        ("none", Guardrail.Rollover()),
    ],
)
def test_a_rollover_is_on_an_amount_or_none(text: str, rollover: Guardrail.Rollover) -> None:
    row = member_row({**MAIL, "rollover": text})
    assert row.limits.HasField("rollover")
    assert row.limits.rollover == rollover


def test_none_removes_and_no_models_allows_nothing() -> None:
    row = member_row({**MAIL, "group": "none", "budget": "None", "rpm": "none", "models": "none"})
    assert (row.HasField("group_path"), row.group_path) == (True, "")
    assert list(row.removed_limits) == ["budget_nano_credits", "requests_per_minute", "model_whitelist"]
    nothing = member_row({**MAIL, "models": "no models"})
    assert nothing.limits.HasField("model_whitelist")
    assert list(nothing.limits.model_whitelist.entries) == []


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("role", "boss"), ("budget", "ten"), ("budget", "-1"), ("budget", "1,000"), ("cycle", "yearly"), ("rollover", "some"),
        ("rpm", "1.5"), ("rpm", "-1"), ("rpm", "99999999999"), ("address", ""),
    ],
)  # fmt: skip
def test_a_bad_cell_names_its_column(column: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{column}: "):
        member_row({**MAIL, column: text})


def test_a_member_is_written_so_that_reading_changes_nothing() -> None:
    member = Member(email="emma@acme.example", display_name="Emma", role=ROLE_SUB_ADMIN)
    rail = Guardrail(budget_nano_credits=1_234_500_000_001, cycle=Guardrail.CYCLE_DAILY, requests_per_minute=0)
    rail.model_whitelist.CopyFrom(ModelWhitelist(entries=["a", "openai/*"]))
    rail.rollover.CopyFrom(Guardrail.Rollover(enabled=True, cap_nano_credits=10_500_000_000))
    cells = dict(zip(COLUMNS, cells_of(member, rail, "Eng/Platform"), strict=True))
    assert cells == {
        "address": "emma@acme.example", "name": "Emma", "group": "Eng/Platform", "role": "sub-admin", "budget": "1234.500000001",
        "cycle": "daily", "rollover": "10.50", "rpm": "0", "models": "a openai/*",
    }  # fmt: skip
    row = member_row(cells)
    assert (row.limits.budget_nano_credits, row.limits.rollover) == (rail.budget_nano_credits, rail.rollover)
    assert cells_of(member, None, "")[4:] == [""] * 5
    assert cells_of(member, Guardrail(model_whitelist=ModelWhitelist()), "")[-1] == "no models"


def test_a_path_has_names_where_they_are_clear_and_ids_elsewhere() -> None:
    groups = [
        group("eng", "Engineering"),
        group("platform", "Platform", "eng"),
        group("grp-1", "Twin", "eng"),
        group("grp-2", "twin", "eng"),
        group("grp-3", "R/D"),
        group("grp-4", "platform"),
        group("grp-5", "None"),
        group("grp-6", ""),
    ]
    assert {name.rpartition("/")[2]: path for name, path in group_paths(groups).items()} == {
        "eng": "Engineering",
        "platform": "Engineering/Platform",
        "grp-1": "Engineering/grp-1",
        "grp-2": "Engineering/grp-2",
        "grp-3": "grp-3",
        "grp-4": "grp-4",
        "grp-5": "grp-5",
        "grp-6": "grp-6",
    }
