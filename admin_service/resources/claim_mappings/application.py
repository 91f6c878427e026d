"""Applies the claims of a sign-in to the memberships of its user."""

import logging
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from admin_service.access.authorization import Origin
from admin_service.access.identity_tokens import ProviderUser
from admin_service.access.permissions import Role
from admin_service.resources.claim_mappings import store
from admin_service.resources.claim_mappings.rules import Holding, Outcome, Present, decide, values_of
from admin_service.resources.invites.acceptance_store import add_member, seats_of
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.members.store import (
    MemberRow,
    get_members,
    has_other_super_admin,
    set_member_role,
    set_member_state,
)
from admin_service.serving.audit_entries import Author, json_of
from admin_service.serving.change_transaction import lock_organization
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

APPLY: Final = "megarouter.admin.v1.SignIn/ApplyClaims"


class ClaimApplication:
    """Gives a user what the claims of a sign-in map to, and takes what they no longer do."""

    def __init__(self, pool: asyncpg.Pool, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._make_id = make_id

    async def apply(
        self, user: str, identity: ProviderUser, claims: dict[str, Any], origin: Origin, only_organization: str | None
    ) -> None:
        """Applies the claims, in one organization or in all. In most calls nothing differs, which costs one query."""
        pairs = values_of(claims)
        if pairs is None:
            logger.warning("a token does not tell all its claims, so roles stay", extra={"issuer": identity.issuer})
            return
        for found in await store.organizations_of_claims(self._pool, identity.issuer, pairs, user):
            if not found.is_settled and only_organization in {None, found.organization}:
                async with acting_for(self._pool, found.organization) as connection:
                    author = Author(user, APPLY, origin, issuer=identity.issuer)
                    await self._apply_in(connection, found.organization, author, pairs)

    async def _apply_in(
        self, connection: Connection, organization: str, author: Author, pairs: list[tuple[str, str]]
    ) -> None:
        """Applies the claims in one organization, under its lock, from what is true then."""
        user, issuer = author.user, author.issuer
        await lock_organization(connection, organization)
        known = await store.given_to(connection, organization, user)
        if known and known[1] != issuer:
            return  # another identity provider decides about this member
        concerned = await store.organizations_of_claims(connection, issuer, pairs, user)
        wanted = next((one.wanted for one in concerned if one.organization == organization), None)
        member = await store.member_of_user(connection, organization, user)
        before = (await get_members(connection, organization, [member]))[member] if member else None
        present = Present(Holding(Role(before.role), before.group), before.state) if before else None
        outcome = decide(wanted, present, known[0] if known else None)
        if outcome.member:
            member = await self._changed(connection, organization, author, before, outcome)
            if member is None:
                return
        if member and outcome.given:
            await store.keep_given(connection, organization, member, user, issuer, outcome.given)
        else:
            await store.forget_given(connection, organization, user)

    async def _changed(
        self, connection: Connection, organization: str, author: Author, before: MemberRow | None, outcome: Outcome
    ) -> str | None:
        """Makes a member what the outcome says. Returns the member's id, or None if the organization does not allow it now."""
        new = outcome.member
        if new is None:
            raise AssertionError("the outcome changes no member")
        holding = new.holding
        if not await store.is_group_in_use(connection, organization, holding.group):
            holding = Holding(Role.MEMBER, None)  # the group of what was set by hand is gone
        if before is None:
            if not (await seats_of(connection, organization)).has_free:
                logger.warning("no seat for a member by claim", extra={"organization": organization})
                return None
            member = self._make_id("mem")
            await add_member(connection, organization, member, author.user, holding.role, holding.group)
        else:
            member = before.member
            loses_super_admin = before.is_active_super_admin and holding.role is not Role.SUPER_ADMIN
            if loses_super_admin and not await has_other_super_admin(connection, organization, [member]):
                logger.warning("a claim leaves the last Super Admin", extra={"organization": organization})
                return None
            await set_member_role(connection, organization, member, holding.role, holding.group)
            if before.state != new.state:
                await set_member_state(connection, organization, [member], new.state)
        after = (await get_members(connection, organization, [member]))[member]
        texts = (json_of(member_message(before)) if before else None, json_of(member_message(after)))
        path = before.group_path if before else after.group_path
        await author.write(connection, organization, str(member_name(after)), *texts, path)
        return member
