"""Finds what links allow: signing in once, and opening a report. Only the hash of a link's secret is stored."""

from typing import Final

import asyncpg

from admin_service.access.directory import Grant
from admin_service.access.permissions import Permission
from gateway_core.model.organization.bearer_secrets import Peppers

_FIND_SIGN_IN_LINK: Final = """
SELECT found.organization_id, found.sign_in_link_id, found.user_id
  FROM unnest($1::bytea[]) AS asked (hash), LATERAL sign_in_link_of_secret(asked.hash) AS found
"""
_FIND_SHARED_EXPORT: Final = """
SELECT found.organization_id, found.export_id, found.user_id
  FROM unnest($1::bytea[]) AS asked (hash), LATERAL shared_export_of_secret(asked.hash) AS found
"""


class LinkGrants:
    """Finds the rights of whoever has a link."""

    def __init__(self, pool: asyncpg.Pool, peppers: Peppers) -> None:
        self._pool = pool
        self._peppers = peppers

    async def of_sign_in_link(self, secret: str) -> Grant | None:
        """Returns the right to exchange a sign-in link, or None if it cannot be used."""
        row = await self._pool.fetchrow(_FIND_SIGN_IN_LINK, self._peppers.hashes_of(secret))
        if row is None:
            return None
        permissions = frozenset({Permission.SIGN_IN_LINKS_EXCHANGE})
        return Grant(row["user_id"], None, row["organization_id"], permissions, sign_in_link=row["sign_in_link_id"])

    async def of_report_link(self, secret: str) -> Grant | None:
        """Returns the right to open a shared report, or None if its link has ended."""
        row = await self._pool.fetchrow(_FIND_SHARED_EXPORT, self._peppers.hashes_of(secret))
        if row is None:
            return None
        permissions = frozenset({Permission.USAGE_EXPORTS_OPEN})
        return Grant(row["user_id"], None, row["organization_id"], permissions, shared_export=row["export_id"])
