"""Keeps the token of one source fresh. A token that works is never replaced by none."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from gateway_core.runtime.backoff import Backoff
from token_service.answers import Token
from token_service.problems import Problem, TokenError
from token_service.sources import TokenSource
from token_service.token_files import write_token

logger = logging.getLogger(__name__)

OK: Final = "ok"
_EARLY_S: Final = 300.0
"""How long before its end a token is replaced; of one that lives less than ten minutes, half of its life."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class Fetcher(Protocol):
    """Where tokens come from."""

    async def fetch(self, source: TokenSource) -> Token:
        """Returns a new token."""


class Keeper:
    """Keeps one token, and knows until when it is valid."""

    def __init__(self, source: TokenSource, fetcher: Fetcher, now_s: Callable[[], float]) -> None:
        """Creates it.

        Args:
            source: of the token.
            fetcher: where it comes from.
            now_s: a clock that only runs forward.
        """
        self.source = source
        self.outcomes: Counter[str] = Counter()
        self._fetcher = fetcher
        self._now_s = now_s
        self._end_s: float | None = None
        self._has_problem = False
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    @property
    def provider(self) -> str:
        """The name of the provider. What follows an underscore in a target names the dialect."""
        return self.source.target.partition("_")[0]

    @property
    def life_s(self) -> float:
        """How long the token is still valid; 0 without one."""
        return 0.0 if self._end_s is None else max(0.0, self._end_s - self._now_s())

    @property
    def is_fresh(self) -> bool:
        """Whether there is a token, and a new one was given when it was last due."""
        return self.life_s > 0 and not self._has_problem

    async def keep(self) -> None:
        """Fetches tokens until canceled."""
        while True:
            pause_s = await self.refresh()
            await asyncio.sleep(pause_s)

    async def refresh(self) -> float:
        """Fetches a token. Returns after how many seconds to fetch the next one."""
        asked_s = self._now_s()
        try:
            token = await self._fetcher.fetch(self.source)
            self._write(token)
        except TokenError as error:
            self.outcomes[error.problem] += 1
            self._has_problem = True
            state = {
                "target": self.source.target,
                "problem": error.problem.value,
                "old_token_valid_s": int(self.life_s),
            }
            logger.warning("no new token: %s", error, extra=state)
            return self._backoff.failed()
        self.outcomes[OK] += 1
        self._has_problem = False
        self._backoff.succeeded()
        self._end_s = asked_s + token.life_s
        logger.info("new token", extra={"target": self.source.target, "valid_s": token.life_s})
        return token.life_s - min(_EARLY_S, token.life_s / 2)

    def _write(self, token: Token) -> None:
        try:
            write_token(self.source.token_file, token.text)
        except OSError as error:
            raise TokenError(Problem.UNWRITABLE, f"the token cannot be written ({error.strerror})") from None
