"""Gives every organization that has news a turn, so that a failure of one of them does not stop the others."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg

from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
"""What a turn may fail with. It is made again in the next round."""


async def take_turns(
    behind: Callable[[str], Awaitable[Sequence[str]]], turn: Callable[[str], Awaitable[bool]], failed: str
) -> bool:
    """Gives each organization one turn, by id. Returns whether one of them has more to do at once.

    Args:
        behind: returns a page of the organizations that have news, after an id.
        turn: works for one organization, and returns whether it has more to do.
        failed: what the log says of an organization whose turn failed.
    """
    is_behind, after = False, ""
    while organizations := await behind(after):
        for organization in organizations:
            try:
                is_behind |= await turn(organization)
            except FAILURES as error:
                logger.warning(failed, extra={"organization": organization, "error": type(error).__name__})
        after = organizations[-1]
    return is_behind
