"""Writes the page with the permission matrix: every RPC, every role, and every place of the resource."""

from collections.abc import Iterable
from typing import Final

from admin_service.access.permission_matrix import CALLER_ITSELF, EVERY_ROLE, Relation, Row
from admin_service.access.permissions import Role

INTRODUCTION: Final = """# Permissions

Generated from the protos and the rules of the four roles by `./dev protos --pages`; do not edit. A test makes every call of this
matrix on a running service.

A cell says on which resources a role may call the RPC, relative to the caller:

| word | means |
|---|---|
| own | the caller, what belongs to the caller, the caller's group; for a resource outside the tree, the caller's organization |
| peer | a member with the same role in the same group |
| below | a group, or a lower role, further down the caller's branch |
| above | the group above the caller's, or the next higher admin |
| beside | another branch of the organization |
| all | every such resource in the organization |
| yes | the RPC has only one kind of resource, and the role may call it |

No role may call the RPCs of `Operators`. They are for [the operators of the deployment](../guides/operators.md), whom its settings
name.

No caller reaches another organization, and a resource out of reach looks as if it did not exist. Other names in a request are
checked too: a caller cannot grant a role, a group or a limit beyond their own.
"""
_HEADINGS: Final = {
    Role.SUPER_ADMIN: "Super Admin",
    Role.L1_ADMIN: "L1 Admin",
    Role.SUB_ADMIN: "Sub-admin",
    Role.MEMBER: "Member",
}


def permission_page(rows: Iterable[Row]) -> str:
    """Returns the text of the page. Services and RPCs are in the given order."""
    lines = [INTRODUCTION]
    service = ""
    for row in rows:
        name = row.method.descriptor.containing_service.name
        if name != service:
            service = name
            lines += [
                f"\n## {service}\n" if len(lines) > 1 else f"## {service}\n",
                f"| RPC | on | permission | {' | '.join(_HEADINGS[role] for role in EVERY_ROLE)} |",
                "|---" * (3 + len(EVERY_ROLE)) + "|",
            ]
        cells = " | ".join(_cell(row, role) for role in EVERY_ROLE)
        lines.append(f"| {row.method.descriptor.name} | {row.subject} | `{row.method.permission}` | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(row: Row, role: Role) -> str:
    allowed, possible = row.allowed[role], row.possible[role] - {Relation.FOREIGN}
    if not allowed:
        return "-"
    if row.subject == CALLER_ITSELF or len(possible) == 1:
        return "yes"
    return "all" if allowed == possible else ", ".join(relation for relation in Relation if relation in allowed)
