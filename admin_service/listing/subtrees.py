"""Restricts a list to what an actor may see, by a condition on rows that carry the path of their group.

A row is in the actor's subtree if its path has the actor's group at that group's level. Group ids are unique and never reused, so
comparing this one element is enough. With an index on `(organization_id, (group_path[<level>]), <order>)` for each of the four
levels, a page of any subtree, large or small, is one range of an index.
"""

from admin_service.access.permissions import Actor, Visibility, visibility
from admin_service.listing.sql_parameters import Condition


def visible_rows(visible: Visibility, *, member: str | None, group_path: str) -> Condition:
    """Returns the condition for the rows that the actor sees: all, those of the subtree, or their own.

    Args:
        visible: what the actor sees.
        member: trusted SQL for the id of the member who owns a row. None if rows have no owner; an actor who sees only their own
            rows
            then sees none.
        group_path: trusted SQL for the path of the row's group; empty at the top of the organization. It covers an admin's own rows
            too, because the admin is in the subtree.
    """
    if visible.group_path == ():
        return Condition("true")
    if visible.group_path is not None:
        return Condition(f"{group_path}[{len(visible.group_path)}] = {{}}", visible.group_path[-1])
    return Condition(f"{member} = {{}}", visible.member) if member else Condition("false")


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
