"""How far each journal file has been settled."""

from dataclasses import dataclass

from gateway_core.edges.postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """Everything before `byte_offset` in the file with this inode is settled."""

    inode: int
    byte_offset: int


async def load_position(connection: Connection, journal: str) -> JournalPosition | None:
    """The stored position; None for a journal never read."""
    row = await connection.fetchrow("SELECT inode, byte_offset FROM journal_offsets WHERE journal = $1", journal)
    return JournalPosition(row["inode"], row["byte_offset"]) if row else None


async def store_position(connection: Connection, journal: str, position: JournalPosition) -> None:
    """Remembers a position. Only after everything before it is committed."""
    await connection.execute(
        "INSERT INTO journal_offsets (journal, inode, byte_offset) VALUES ($1, $2, $3)"
        " ON CONFLICT (journal) DO UPDATE SET inode = excluded.inode, byte_offset = excluded.byte_offset, update_time = now()",
        journal,
        position.inode,
        position.byte_offset,
    )
