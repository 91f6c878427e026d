"""How far each journal file is settled, and which process may settle from it."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

import asyncpg

from gateway_core.runtime.settings import DatabaseSettings
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import Connection

_APPLICATION: Final = "journal"


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """Everything before `byte_offset` in the file with this inode and beginning is settled."""

    inode: int
    byte_offset: int
    fingerprint: bytes | None = None
    """SHA-256 of the beginning of the settled part; None for a position stored before fingerprints existed."""


async def load_position(connection: Connection, journal: str) -> JournalPosition | None:
    """Returns the stored position; None for a journal that was never read."""
    row = await connection.fetchrow(
        "SELECT inode, byte_offset, fingerprint FROM journal_offsets WHERE journal = $1", journal
    )
    return JournalPosition(row["inode"], row["byte_offset"], row["fingerprint"]) if row else None


async def store_position(connection: Connection, journal: str, position: JournalPosition) -> None:
    """Stores a position. Call it only after everything before the position is committed."""
    await connection.execute(
        "INSERT INTO journal_offsets (journal, inode, byte_offset, fingerprint) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (journal) DO UPDATE SET inode = excluded.inode, byte_offset = excluded.byte_offset,"
        " fingerprint = excluded.fingerprint, update_time = now()",
        journal,
        position.inode,
        position.byte_offset,
        position.fingerprint,
    )


class JournalClaim:
    """The right to replay one journal: an advisory lock held by its own connection.

    The position is read and written on the same connection. A process that has lost the lock has lost the connection,
    so it cannot move the position of its successor.
    """

    def __init__(self, connection: asyncpg.Connection, journal: str) -> None:
        self._connection = connection
        self._journal = journal

    @classmethod
    async def attempt(cls, settings: DatabaseSettings, role: str, journal: str) -> Self | None:
        """Takes the right; returns None while another process has it. Errors of asyncpg pass through."""
        timeout_s = settings.database_timeout_ms / 1_000
        connection = await connect(
            settings.database_url.get_secret_value(),
            timeout=timeout_s,
            command_timeout=timeout_s,
            server_settings={"application_name": f"{role} {_APPLICATION}"},
        )
        try:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _lock_id(journal)):
                return cls(connection, journal)
        except BaseException:
            connection.terminate()
            raise
        connection.terminate()
        return None

    async def load(self) -> JournalPosition | None:
        """Returns the stored position; None for a journal that was never read."""
        return await load_position(self._connection, self._journal)

    async def store(self, position: JournalPosition) -> None:
        """Stores a position. Errors of asyncpg pass through: the right may be lost, so give it up."""
        await store_position(self._connection, self._journal, position)

    def give_up(self) -> None:
        """Closes the connection, which releases the right."""
        self._connection.terminate()


def _lock_id(journal: str) -> int:
    """Returns one of the 2^64 advisory lock ids."""
    return int.from_bytes(hashlib.sha256(f"journal:{journal}".encode()).digest()[:8], signed=True)
