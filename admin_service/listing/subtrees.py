"""What of a list an actor may see, as a condition on rows that carry the path of their group.

An actor's subtree is every row whose path has the actor's group at the level of that group: ids of groups are unique and never used
again, so this one element says it. With an index on `(organization_id, (group_path[<level>]), <order>)` for each of the four
levels a page of any subtree, large or small, is one range of the index.
"""

from admin_service.access.permissions import Actor, Visibility, visibility
from admin_service.listing.sql_parameters import Condition


def visible_rows(visible: Visibility, *, member: str | None, group_path: str) -> Condition:
    """The rows that the actor sees: all, those of the subtree, or the actor's own.

    Args:
        visible: the actor's.
        member: SQL of ours for the id of the member that a row belongs to; None where rows belong to nobody, so that whoever sees
            nobody else's sees none.
        group_path: SQL of ours for the path of the row's group; empty for what stands above all groups. An admin's own rows are
            in the admin's subtree, since the admin is.
    """
    if visible.group_path == ():
        return Condition("true")
    if visible.group_path is not None:
        return Condition(f"{group_path}[{len(visible.group_path)}] = {{}}", visible.group_path[-1])
    return Condition(f"{member} = {{}}", visible.member) if member else Condition("false")


def visible_groups(actor: Actor, *, group: str, path: str) -> Condition:
    """The groups that the actor sees: the own one, those above it, and for an admin those below; a Super Admin all.

    Args:
        actor: who asks.
        group: SQL of ours for the id of the group.
        path: SQL of ours for the group's path.
    """
    below = visibility(actor).group_path
    if below == ():
        return Condition("true")
    above = list(actor.group_path)
    if below is None:
        return Condition(f"{group} = ANY ({{}}::text[])", above)
    return Condition(f"({group} = ANY ({{}}::text[]) OR {path}[{len(below)}] = {{}})", above, below[-1])
