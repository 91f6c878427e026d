"""The tables and facts that commands print."""

from megarouter.admin.v1.messages import Group
from megarouter_admin.command_line.rendering.tables import UNBOUNDED, Column, Kind, facts, table
from megarouter_admin.command_line.resources.groups import branches


def group(path: str) -> Group:
    parent = path.rpartition("/")[0]
    return Group(name=path, parent_group=parent)


def test_amounts_are_aligned_at_the_decimal_point_without_trailing_spaces() -> None:
    columns = [
        Column[tuple[str, int | None]]("name", lambda row: row[0]),
        Column[tuple[str, int | None]]("spent", lambda row: row[1], Kind.AMOUNT),
    ]
    rows = [("[bold]", 1_234_500_000_000), ("ada :smile:", 1), ("none", None)]
    assert table(columns, rows, UNBOUNDED).splitlines() == [
        "name                   spent",
        "[bold]       1,234.50",
        "ada :smile:      0.000000001",
        "none",
    ]


def test_a_tree_shows_each_group_below_its_parent() -> None:
    shown = branches([group(path) for path in ("a", "a/b", "a/b/c", "a/d", "e")])
    assert [branch.guide for branch in shown] == ["", "├─ ", "│  └─ ", "└─ ", ""]


def test_facts_without_a_value_are_left_out() -> None:
    assert facts([("name", "Ada"), ("group", ""), ("e-mail", "a@b.example")]) == "name    Ada\ne-mail  a@b.example"
