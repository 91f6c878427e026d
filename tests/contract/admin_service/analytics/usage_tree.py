"""An organization with groups of four levels, members at every level, and keys; and random changes of it."""

import random

import asyncpg

from tests.contract.usage_service.settlement_cases import prepare

GROUPS = {
    "research": ("research",),
    "vision": ("research", "vision"),
    "sales": ("sales",),
    "europe": ("sales", "europe"),
    "dach": ("sales", "europe", "dach"),
    "bern": ("sales", "europe", "dach", "bern"),
}
KEYS = {
    "key-ada": "ada",
    "key-ada-2": "ada",
    "key-bob": "bob",
    "key-cyd": "cyd",
    "key-dan": "dan",
    "key-build": "sa-build",
}
HOMES: dict[str, str | None] = {"ada": "vision", "bob": "research", "cyd": "bern", "dan": None, "sa-build": "europe"}


async def make_tree(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    for group, path in GROUPS.items():
        await owner.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ('acme', $1, $2, $3, $1)",
            group,
            path[-2] if len(path) > 1 else None,
            path,
        )
    for member, home in HOMES.items():
        is_person = not member.startswith("sa-")
        if is_person:
            await owner.execute("INSERT INTO users (user_id, display_name) VALUES ($1, $1)", member)
        await owner.execute(
            "INSERT INTO members (organization_id, member_id, user_id, display_name, group_id, role)"
            " VALUES ('acme', $1, $2, $3, $4, 'MEMBER')",
            member,
            member if is_person else None,
            None if is_person else member,
            home,
        )

    for key, member in KEYS.items():
        await owner.execute(
            "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
            " VALUES ('acme', $1, $2, $1, sha256($1::text::bytea), 'mr-…')",
            key,
            member,
        )


async def reorganize(owner: asyncpg.Connection, chance: random.Random) -> None:
    """Moves a member, renames and perhaps removes one, renames a group, and deletes an empty group and a key."""
    member = chance.choice(list(HOMES))
    group = chance.choice([None, *GROUPS])
    await owner.execute("UPDATE members SET group_id = $2 WHERE member_id = $1", member, group)
    await owner.execute("UPDATE users SET display_name = display_name || '!' WHERE user_id = $1", member)
    await owner.execute("UPDATE groups SET display_name = 'Another' WHERE group_id = $1", chance.choice(list(GROUPS)))
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = $1", chance.choice(list(KEYS)))
    await owner.execute(
        "UPDATE groups SET delete_time = now() WHERE group_id = (SELECT g.group_id FROM groups g WHERE g.delete_time IS NULL"
        " AND NOT EXISTS (SELECT FROM members m WHERE g.group_id = ANY (m.group_path))"
        " AND NOT EXISTS (SELECT FROM groups below WHERE below.parent_group_id = g.group_id) ORDER BY 1 LIMIT 1)"
    )
    if chance.random() < 0.3:
        await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = $1", member)
