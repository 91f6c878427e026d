"""The commands `megarouter groups`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateGroupRequest,
    DeleteGroupRequest,
    GetGroupRequest,
    Group,
    GroupView,
    ListGroupsRequest,
    MoveGroupRequest,
    UpdateGroupRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import budget_text, counted, format_credits, share
from megarouter_admin.command_line.values.names import short_name

application = Section()

GroupArgument = Annotated[
    str, Argument(metavar="GROUP", text="Its id, its name, or its path of names, such as Product/Apps.")
]


@dataclass(frozen=True, slots=True)
class Branch:
    """A group and its place in the tree."""

    group: Group
    guide: str
    """The tree lines drawn before its name, such as `│  └─ `."""


_COLUMNS = (
    Column[Branch]("group", lambda branch: branch.guide + branch.group.display_name),
    Column[Branch]("id", lambda branch: short_name(branch.group.name)),
    Column[Branch]("members", lambda branch: _shown(branch.group, branch.group.member_count), Kind.NUMBER),
    Column[Branch]("with below", lambda branch: _shown(branch.group, branch.group.subtree_member_count), Kind.NUMBER),
    Column[Branch]("spent", lambda branch: _shown(branch.group, branch.group.spent_nano_credits), Kind.AMOUNT),
    Column[Branch]("budget", lambda branch: _budget(branch.group), Kind.AMOUNT),
    Column[Branch](
        "used",
        lambda branch: _share(branch.group),
        Kind.MEASURE,
    ),
)


def _budget(group: Group) -> int | None:
    """Returns what the cycle may cost, with what is carried into it."""
    return group.budget_nano_credits + group.carried_nano_credits if group.HasField("budget_nano_credits") else None


def _shown(group: Group, number: int) -> int | None:
    """Returns a figure of the group, or None if the caller may not read it."""
    return None if group.figures_hidden else number


def _share(group: Group) -> str:
    return "" if group.figures_hidden else share(group.spent_nano_credits, _budget(group) or 0)


def branches(groups: Sequence[Group]) -> list[Branch]:
    """Returns the groups with the tree lines that connect them. Each group must follow its parent."""
    shown = {group.name for group in groups}
    parents = [group.parent_group if group.parent_group in shown else "" for group in groups]
    last = {parent: index for index, parent in enumerate(parents)}
    inner: dict[str, str] = {"": ""}
    result = []
    for index, (group, parent) in enumerate(zip(groups, parents, strict=True)):
        before = inner[parent]
        if not parent:
            guide, inner[group.name] = "", ""
        else:
            is_last = last[parent] == index
            guide, inner[group.name] = before + ("└─ " if is_last else "├─ "), before + ("   " if is_last else "│  ")
        result.append(Branch(group, guide))
    return result


def _show(session: Session, group: Group) -> None:
    budget = _budget(group)
    members = f"{group.member_count:,}, with those below {group.subtree_member_count:,}"
    session.output.one(
        group,
        [
            ("group", group.name),
            ("name", group.display_name),
            ("path", _path(group.path)),
            ("level", str(group.level)),
            ("members", "" if group.figures_hidden else members),
            ("spent", "" if group.figures_hidden else format_credits(group.spent_nano_credits)),
            ("budget", "" if budget is None else budget_text(budget, group.carried_nano_credits)),
            ("deleted", session.ago(group.delete_time)),
        ],
    )


@command(application, "tree", "groups tree", "groups tree --json")
def tree(
    session: Session,
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
    *,
    deleted: Annotated[bool, Option("--deleted", text="Include deleted groups.")] = False,
) -> None:
    """Show the groups as a tree, with members, spend and budget of the current cycle."""
    request = ListGroupsRequest(
        parent=session.organization, filter=filter_text, show_deleted=deleted, view=GroupView.GROUP_VIEW_FULL
    )
    groups = session.listed(session.router.groups.ListGroups, request, "groups", limit)
    if session.output.json:
        session.output.rows((), groups, "")
    else:
        session.output.rows(_COLUMNS, branches(groups), "no groups")


@command(application, "show", "groups show platform")
def show(session: Session, group: GroupArgument) -> None:
    """Show a group, with members, spend and budget of the current cycle."""
    _show(session, _present(session, session.existing_group(group)))


def _present(session: Session, name: str) -> Group:
    return session.router.groups.GetGroup(GetGroupRequest(name=name))


@command(application, "create", "groups create Platform --id platform --parent engineering")
def create(
    session: Session,
    display_name: Annotated[str, Argument(metavar="NAME", text="Human-readable name.")],
    group_id: Annotated[str, Option("--id", metavar="ID", text="Default: generated.")] = "",
    parent: Annotated[str, Option(metavar="GROUP", text="Parent group. Default: level 1.")] = "none",
) -> None:
    """Create a group."""
    request = CreateGroupRequest(
        parent=session.organization,
        group=Group(display_name=display_name, parent_group=session.group(parent)),
        group_id=group_id,
    )
    _show(session, session.router.groups.CreateGroup(request))


@command(application, "rename", "groups rename platform 'Platform and Tools'")
def rename(
    session: Session,
    group: GroupArgument,
    display_name: Annotated[str, Argument(metavar="NAME", text="New human-readable name.")],
) -> None:
    """Rename a group; its id stays."""
    renamed = Group(name=session.existing_group(group), display_name=display_name)
    request = UpdateGroupRequest(group=renamed, update_mask=FieldMask(paths=["display_name"]))
    _show(session, session.router.groups.UpdateGroup(request))


@command(application, "move", "groups move platform --to product", "groups move platform --to none --yes")
def move(
    session: Session,
    group: GroupArgument,
    to: Annotated[str, Option(metavar="GROUP", text="New parent group; `none` for level 1.")],
    *,
    yes: YesOption = False,
) -> None:
    """Move a group with everything below it. Budgets and history move with it."""
    name, parent = session.existing_group(group), session.group(to)
    if not yes:
        session.output.effect(_move_effect(_present(session, name), _present(session, parent) if parent else None))
        confirm(f"Move {name}?", yes=yes)
    request = MoveGroupRequest(name=name, parent_group=parent)
    _show(session, session.router.groups.MoveGroup(request))


def _move_effect(group: Group, parent: Group | None) -> list[tuple[str, str]]:
    """Returns what a move changes: the place, who moves along, and whose limits and admins apply."""
    left = [one for one in group.path[:-1] if parent is None or one not in parent.path]
    joined = [one for one in (parent.path if parent else ()) if one not in group.path]
    members = group.subtree_member_count
    return [
        ("group", f"{group.display_name} ({group.name})"),
        ("from", _path(group.path)),
        ("to", _path([*(parent.path if parent else ()), group.name])),
        (
            "moves along",
            "" if group.figures_hidden else f"{counted(members, 'member')}, with their keys",
        ),
        ("no longer limited or managed by", ", ".join(map(short_name, left))),
        ("then limited and managed by", ", ".join(map(short_name, joined))),
    ]


def _path(names: Sequence[str]) -> str:
    return " > ".join(map(short_name, names))


@command(application, "delete", "groups delete platform --yes")
def delete(session: Session, group: GroupArgument, *, yes: YesOption = False) -> None:
    """Delete an empty group. Its id is never used again."""
    name = session.existing_group(group)
    confirm(f"Delete {name}? This is permanent.", yes=yes)
    _show(session, session.router.groups.DeleteGroup(DeleteGroupRequest(name=name)))
