"""Finds groups by the names that people gave them."""

from typing import TYPE_CHECKING, Final

from megarouter.admin.v1.messages import Group, ListGroupsRequest

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.values.filters import quoted
from megarouter_admin.command_line.values.names import short_name

if TYPE_CHECKING:
    from megarouter_admin.client import MegaRouter

_MOST_NAMESAKES: Final = 100
_LEVELS: Final = 4


def find_group(router: "MegaRouter", organization: str, text: str) -> str:
    """Returns the resource name of the group with a name, or with a path of names such as `Product/Apps`.

    Args:
        router: the client.
        organization: `organizations/{organization}`.
        text: a display name, or those of groups above it and its own, with slashes between.

    Raises:
        CommandError: no group that the caller may see has the name, or several have it.
    """
    *above, name = (part.strip() for part in text.split("/"))
    request = ListGroupsRequest(parent=organization, filter=f"display_name = {quoted(name)}", page_size=_MOST_NAMESAKES)
    found = [group for group in router.groups.ListGroups(request).groups if _is_below(router, group, above)]
    if len(found) == 1:
        return str(found[0].name)
    if found:
        ids = ", ".join(sorted(short_name(group.name) for group in found[:_LEVELS]))
        raise CommandError(
            f"{len(found)} groups are named {text!r}: write a path such as Product/Apps, or an id: {ids}"
        )
    raise CommandError(f"no group that you may see is named {text!r}: `megarouter groups tree` shows names and ids")


def _is_below(router: "MegaRouter", group: Group, above: list[str]) -> bool:
    """Returns whether the groups directly above a group have these names, the topmost first."""
    if not above:
        return True
    ancestors = list(group.path[:-1])[-len(above) :]
    if len(ancestors) < len(above):
        return False
    request = ListGroupsRequest(
        parent="/".join(group.name.split("/")[:2]),
        filter=" OR ".join(f"name = {quoted(ancestor)}" for ancestor in ancestors),
    )
    names = {one.name: one.display_name for one in router.groups.ListGroups(request).groups}
    return [names.get(ancestor, "").casefold() for ancestor in ancestors] == [name.casefold() for name in above]
