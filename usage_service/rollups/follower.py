"""Follows the ledgers: twice a second, or after two thousand settlements, adds what is new to the rollups.

A round is about the organizations that this process has settled calls of since the last one, so it costs nothing while there
are none, however many organizations there are. Every few seconds, a round looks at all of them: for what another process settled
before it died, for hours that are over, and for other time zones.

The position is stored in the transaction that adds, so nothing is added twice or left out, whenever a process dies. Any number of
processes may follow: each locks the position of the generation that it advances, and skips what another has locked.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.rollups.generations import (
    NO_DAYS,
    Generation,
    Ledger,
    State,
    has_hours_to_close,
    to_begin,
    to_retire,
)
from usage_service.rollups.store import RollupStore, Step

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 0.5
LOOK_INTERVAL_S: Final = 5.0
"""Looking at all organizations took 13 ms for 10,000 of them."""
WAKE_AFTER: Final = 2_000
"""Settlements after which the follower does not wait for the next time. Fewer would make more rounds, which cost a call more."""
EVENTS_PER_STEP: Final = 5_000
_STEPS_PER_ROUND: Final = 4
"""Of one generation, before the next organization has its turn."""
_ROWS_PER_DELETION: Final = 5_000
_CLOSING_S: Final = 0.25
"""How long a round closes hours. Answers are complete without it, so new calls do not wait until everyone's hours are closed."""
_ROWS_PER_CLOSING: Final = 50_000
"""Each day and month is written once for each step that has rows of it. So small steps write much."""
_ORGANIZATIONS_PER_PAGE: Final = 500
_ORGANIZATIONS_TOGETHER: Final = 50
"""Whose events are added in one transaction. A transaction of its own costs an organization more than a few events do."""
_MOST_CHANGED: Final = 10_000
"""Organizations that a round can be about. With more, the next round looks at all."""
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
_MONTH_AHEAD: Final = dt.timedelta(days=7)
_DAY: Final = dt.timedelta(days=1)


class RollupFollower:
    """Keeps the rollups in step with the ledgers."""

    def __init__(self, pool: asyncpg.Pool, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        """Creates a follower.

        Args:
            pool: connections of usage_service.
            clock: decides which hours are over.
        """
        self._store = RollupStore(pool)
        self._clock = clock
        self._settled = 0
        self._changed: set[str] = set()
        self._look_after_s = 0.0
        self._wake = asyncio.Event()
        self._open_until = NO_DAYS
        self.lag_events = 0
        """Events that were not in the rollups before the last round, of the organizations that it was about."""
        self._in_step_s = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the rollups were in step, as far as the rounds could tell."""
        return time.monotonic() - self._in_step_s

    def committed(self, organizations: Sequence[str]) -> None:
        """Notes that settlements have been committed.

        Args:
            organizations: that of each settlement.
        """
        self._note(organizations)
        self._settled += len(organizations)
        if self._settled >= WAKE_AFTER:
            self._wake.set()

    async def run(self) -> None:
        """Follows until canceled."""
        while True:
            self._settled = 0
            self._wake.clear()
            try:
                is_behind = await self._next_round()
            except _FAILURES as error:
                logger.info("rollups are waiting for PostgreSQL", extra={"error": type(error).__name__})
                is_behind = False
            if not is_behind:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), INTERVAL_S)

    async def _next_round(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._look_after_s and len(self._changed) <= _MOST_CHANGED:
            return await self.follow_changed()
        is_behind = await self.follow_once()
        self._look_after_s = now_s + LOOK_INTERVAL_S
        return is_behind

    async def follow_once(self) -> bool:
        """Gives every organization one turn. Returns whether one of them has more to do."""
        self._changed.clear()
        return await self._follow(self._every_unfinished())

    async def follow_changed(self) -> bool:
        """Gives one turn to each organization that has settlements of this process, or had more to do. Returns as `follow_once`."""
        changed = sorted(self._changed)
        self._changed.clear()
        try:
            return await self._follow(self._ledgers_of(changed))
        except BaseException:
            self._note(changed)
            raise

    async def _follow(self, pages: AsyncIterator[Sequence[Ledger]]) -> bool:
        started_s = time.monotonic()
        await self._open_months()
        is_behind, has_failed, lag_events = False, False, 0
        to_close: list[tuple[str, Generation]] = []
        async for ledger, added in self._added_together(pages):
            lag_events += ledger.lag_events
            try:
                has_more = await self._turn(ledger, added)
            except _FAILURES as error:
                has_failed = True
                self._stays_behind(ledger.organization, error)
                continue
            is_behind |= has_more
            if has_more:
                self._note([ledger.organization])
            elif ledger.current is not None and has_hours_to_close(ledger.current, self._clock()):
                to_close.append((ledger.organization, ledger.current))
        self.lag_events = lag_events
        if not is_behind and not has_failed:
            self._in_step_s = started_s
        return await self._close_hours(to_close) or is_behind

    def _stays_behind(self, organization: str, error: Exception) -> None:
        logger.warning("rollups stay behind", extra={"organization": organization, "error": type(error).__name__})
        self._note([organization])

    async def _close_hours(self, generations: Sequence[tuple[str, Generation]]) -> bool:
        """Closes hours that are over, one organization after another, for a bounded time. Returns whether there is more to do."""
        until_s, is_behind = time.monotonic() + _CLOSING_S, False
        for number, (organization, generation) in enumerate(generations):
            if time.monotonic() >= until_s:
                self._note(name for name, _ in generations[number:])
                return True
            try:
                has_more = await self._store.close_hours(
                    organization, generation.number, self._clock(), _ROWS_PER_CLOSING
                )
            except _FAILURES as error:
                self._stays_behind(organization, error)
                continue
            if has_more:
                is_behind = True
                self._note([organization])
        return is_behind

    async def _every_unfinished(self) -> AsyncIterator[Sequence[Ledger]]:
        after, is_last = "", False
        while not is_last:
            page = await self._store.unfinished(after, _ORGANIZATIONS_PER_PAGE, self._clock())
            yield page
            is_last = len(page) < _ORGANIZATIONS_PER_PAGE
            after = "" if is_last else page[-1].organization

    async def _ledgers_of(self, organizations: Sequence[str]) -> AsyncIterator[Sequence[Ledger]]:
        for first in range(0, len(organizations), _ORGANIZATIONS_PER_PAGE):
            yield await self._store.ledgers(organizations[first : first + _ORGANIZATIONS_PER_PAGE])

    async def _added_together(
        self, pages: AsyncIterator[Sequence[Ledger]]
    ) -> AsyncIterator[tuple[Ledger, Step | None]]:
        """Adds the next events of many ledgers at a time. Yields each ledger with what was added to its generations."""
        async for page in pages:
            for first in range(0, len(page), _ORGANIZATIONS_TOGETHER):
                ledgers = page[first : first + _ORGANIZATIONS_TOGETHER]
                steps = await self._advance_together(ledgers) if len(ledgers) > 1 else {}
                for ledger in ledgers:
                    yield ledger, steps.get(ledger.organization)

    async def _advance_together(self, ledgers: Sequence[Ledger]) -> Mapping[str, Step]:
        """Returns what was added for each organization: nothing if it failed. Their turns then find out which one is the reason."""
        current = [(one.organization, one.current.number) for one in ledgers if one.current is not None]
        if not current:
            return {}
        try:
            steps = await self._store.advance_together(current, EVENTS_PER_STEP // len(current))
        except _FAILURES as error:
            logger.info("rollups are added one by one", extra={"error": type(error).__name__})
            return {}
        return {step.organization: step for step in steps}

    def _note(self, organizations: Iterable[str]) -> None:
        """Remembers whose turn comes in the next round."""
        if len(self._changed) <= _MOST_CHANGED:
            self._changed.update(organizations)

    async def _open_months(self) -> None:
        """Creates the partitions of the present and the coming hours, a day before they are needed."""
        now = self._clock()
        if now + _MONTH_AHEAD - _DAY >= self._open_until:
            await self._store.open_month(now, now + _MONTH_AHEAD)
            self._open_until = now + _MONTH_AHEAD

    async def _turn(self, ledger: Ledger, added: Step | None) -> bool:
        """Does a bounded part of an organization's work. Returns whether there is more.

        Args:
            ledger: of the organization.
            added: what has been added to its current generation already.
        """
        organization = ledger.organization
        if (outdated := to_retire(ledger)) is not None:
            await self._store.retire(organization, outdated.number)
            return True
        if (new := to_begin(ledger)) is not None:
            if await self._store.begin(organization, new):
                logger.info("rollups begin", extra={"organization": organization, "generation": new.number})
            return True
        is_behind = False
        for generation in ledger.generations:
            match generation.state:
                case State.CURRENT:
                    has_all = added is not None and added.sequence >= added.head
                    is_behind |= not has_all and await self._advance(organization, generation)
                case State.BUILDING:
                    is_behind |= await self._build(organization, generation)
                case State.RETIRED:
                    is_behind |= not await self._store.remove(organization, generation.number, _ROWS_PER_DELETION)
        return is_behind

    async def _build(self, organization: str, generation: Generation) -> bool:
        """Adds events, closes hours once there are no more, and then puts a generation in its place. Returns whether to go on."""
        if await self._advance(organization, generation):
            return True
        now = self._clock()
        if has_hours_to_close(generation, now) and await self._store.close_hours(
            organization, generation.number, now, _ROWS_PER_CLOSING
        ):
            return True
        if await self._store.replace(organization, generation.number):
            logger.info("rollups were rebuilt", extra={"organization": organization, "time_zone": generation.time_zone})
        return True

    async def _advance(self, organization: str, generation: Generation) -> bool:
        """Adds a bounded number of events. Returns whether there are more."""
        for _ in range(_STEPS_PER_ROUND):
            try:
                step = await self._store.advance(organization, generation.number, EVENTS_PER_STEP)
            except asyncpg.CheckViolationError:
                # Only a missing partition is expected. Any other violation fails again.
                await self._store.open_months(organization, generation.sequence, _STEPS_PER_ROUND * EVENTS_PER_STEP)
                step = await self._store.advance(organization, generation.number, EVENTS_PER_STEP)
            if step is None:
                # Whoever is at work may not see what this process has just committed.
                self._note([organization])
                return False
            if step.sequence >= step.head:
                return False
        return True


async def caught_up(follower: RollupFollower, rounds: int = 1_000) -> None:
    """Follows until no organization has more to do.

    Raises:
        TimeoutError: they still have after so many rounds.
    """
    for _ in range(rounds):
        if not await follower.follow_once():
            return
    raise TimeoutError("the rollups do not catch up")


@asynccontextmanager
async def running(follower: RollupFollower) -> AsyncIterator[None]:
    """Follows while the context is open."""
    async with in_background(follower.run()):
        yield
