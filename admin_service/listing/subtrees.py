"""Restricts a list to what an actor may see, by a condition on rows that carry the path of their group.

A row is in the actor's subtree if its path has the actor's group at that group's level. Group ids are unique and never reused, so
comparing this one element is enough. With an index on `(organization_id, (group_path[<level>]), <order>)` for each of the four
levels, a page of any subtree, large or small, is one range of an index.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Actor, Permission, Target, TargetKind, Visibility, visibility
from admin_service.access.tree_places import MAX_SHOWN, find_place
from admin_service.api.errors import FieldViolation
from admin_service.listing.sql_parameters import Condition
from gateway_core.stores.postgres.connections import Connection


def visible_rows(visible: Visibility, *, member: str | None, group_path: str) -> Condition:
    """Returns the condition for the rows that the actor sees: all, those of the subtree, or their own.

    Args:
        visible: what the actor sees.
        member: trusted SQL for the id of the member who owns a row. None if rows have no owner; an actor who sees only their own
            rows then sees none.
        group_path: trusted SQL for the path of the row's group; empty at the top of the organization. It covers an admin's own rows
            too, because the admin is in the subtree.
    """
    if visible.group_path == ():
        return Condition("true")
    if visible.group_path is not None:
        return Condition(f"{group_path}[{len(visible.group_path)}] = {{}}", visible.group_path[-1])
    return Condition(f"{member} = {{}}", visible.member) if member else Condition("false")


class _SubtreeRequest(Protocol):
    group: str
    with_descendants: bool


def check_subtree(request: _SubtreeRequest) -> Iterable[FieldViolation]:
    """Checks that a list request for the groups below names a group."""
    if request.with_descendants and not request.group:
        yield FieldViolation("with_descendants", "requires group")


async def path_of_listed_group(
    connection: Connection, group: str, caller: Caller, permission: Permission
) -> tuple[str, ...]:
    """Returns the path of the group that a list is restricted to; empty for all groups.

    Raises:
        AdminError: PERMISSION_DENIED, there is no such group, or the caller lacks the permission there.
    """
    if not group:
        return ()
    organization = caller.resource.organization
    place = await find_place(connection, organization, group, permission)
    caller.require(permission, Target(organization, TargetKind.GROUP, place.path), group[:MAX_SHOWN])
    return place.path


def rows_in_group(
    visible: Visibility,
    group_path: Sequence[str],
    *,
    with_descendants: bool,
    rows: str,
    member: str | None,
    group: str | None = None,
) -> Iterable[Condition]:
    """Yields the conditions for the rows that the actor sees, restricted to a group.

    If the group is in the actor's subtree, its rows are too. A second condition would let PostgreSQL choose the wrong index.

    Args:
        visible: what the actor sees.
        group_path: of the group; empty for no restriction.
        with_descendants: also rows of the groups below.
        rows: the name of the table that has the rows' `group_path`.
        member: as for `visible_rows`.
        group: trusted SQL for the id of a row's own group, if an index has it. Otherwise the length of the path decides.
    """
    own = visible.group_path
    if not group_path or own is None or tuple(group_path[: len(own)]) != own:
        yield visible_rows(visible, member=member, group_path=f"{rows}.group_path")
    if not group_path:
        return
    if group is not None and not with_descendants:
        yield Condition(f"{group} = {{}}", group_path[-1])
        return
    yield Condition(f"{rows}.group_path[{len(group_path)}] = {{}}", group_path[-1])
    if not with_descendants:
        yield Condition(f"cardinality({rows}.group_path) = {len(group_path)}")


def visible_groups(actor: Actor, *, group: str, path: str) -> Condition:
    """Returns the condition for the groups that the actor sees.

    These are their own group and those above it, for an admin also those below, and for a Super Admin all.

    Args:
        actor: the caller.
        group: trusted SQL for the id of the group.
        path: trusted SQL for the group's path.
    """
    below = visibility(actor).group_path
    if below == ():
        return Condition("true")
    above = list(actor.group_path)
    if below is None:
        return Condition(f"{group} = ANY ({{}}::text[])", above)
    return Condition(f"({group} = ANY ({{}}::text[]) OR {path}[{len(below)}] = {{}})", above, below[-1])
