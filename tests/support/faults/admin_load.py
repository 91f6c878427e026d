"""A steady load on the admin API: one question after the other, with one access token."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

import aiohttp

ASKED_EVERY_S = 0.05


class AdminLoad:
    """Asks for an organization while its context is open, and counts the answers by status."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str, organization: str, token: str) -> None:
        self.statuses: Counter[int] = Counter()
        self._session = session
        self._url = f"{admin_url}/v1/organizations/{organization}"
        self._headers = {"authorization": f"Bearer {token}"}
        self._is_over = False
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._asking = asyncio.create_task(self._ask())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        if self._asking is not None:
            await self._asking

    async def _ask(self) -> None:
        while not self._is_over:
            async with self._session.get(self._url, headers=self._headers) as response:
                self.statuses[response.status] += 1
            await asyncio.sleep(ASKED_EVERY_S)
