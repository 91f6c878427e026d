"""Finds the user behind a sign-in, and creates the user the first time.

The first sign-in links the identity, which is issuer and subject, to a user for good. By its address it becomes only a user
without an identity: somebody whom a directory or an admin entered, and who signs in for the first time. Everybody else whose
address a user has is a newcomer, who needs an invite or an admin's link. So a second issuer, or a person with a recycled address,
becomes no one else.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import asyncpg

from admin_service.access.authorization import Origin, origin_of
from admin_service.access.directory import Directory, Grant, Newcomer, memberships_of
from admin_service.access.identity_tokens import (
    EdgeProof,
    Metadata,
    ProviderUser,
    identity_of_claims,
    verified_claims,
)
from admin_service.access.link_grants import LinkGrants
from admin_service.access.operators import Identity, Operators
from admin_service.api.errors import sign_in_link_invalid
from admin_service.api.names import MEMBERS, ResourceName
from admin_service.serving.audit_entries import Author, json_text
from admin_service.sign_in import identity_store as store
from admin_service.sign_in.issuers import Issuers
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, CREDENTIAL, REPORT_LINK, SIGN_IN_LINK
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for

logger = logging.getLogger(__name__)

LINK: Final = "megarouter.admin.v1.SignIn/LinkIdentity"
FOLLOW: Final = "megarouter.admin.v1.SignIn/FollowIssuer"

ApplyClaims = Callable[[str, ProviderUser, dict[str, Any], Origin, str | None], Awaitable[None]]
"""Gives a user what the claims of a sign-in map to, and takes what they no longer do, in one organization or in all."""


class IdentityTokens:
    """Finds the user behind a token of an identity provider."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        proof: EdgeProof,
        make_user_id: Callable[[], str],
        operators: Operators,
        issuers: Issuers,
        apply_claims: ApplyClaims | None = None,
    ) -> None:
        self._pool = pool
        self._proof = proof
        self._make_user_id = make_user_id
        self._operators = operators
        self._issuers = issuers
        self._apply_claims = apply_claims

    async def grant_of_identity_token(self, token: str, metadata: Metadata) -> Grant | None:
        """Returns all the rights of the token's user, or None if Envoy did not verify the token.

        Args:
            token: the only bearer token of the call.
            metadata: the gRPC metadata of the call as it arrived.
        """
        claims = verified_claims(token, metadata) if self._proof.holds(metadata) else None
        identity = identity_of_claims(claims, self._issuers.email_claim(claims.get("iss"))) if claims else None
        if claims is None or identity is None:
            return None
        origin, email = origin_of(metadata), self._vouched(identity)
        known = await store.find_identity(self._pool, identity.issuer, identity.subject)
        user = known.user if known else await self._meet(identity, email, origin)
        if user is None:
            newcomer = Newcomer(identity.issuer, identity.subject, partial(self._join, identity, email))
            return Grant("", issuer=identity.issuer, newcomer=newcomer, email=email)
        if known and known.differs(email, identity):
            await self._follow(identity, email, origin)
        only = known.only_organization if known else None
        if self._apply_claims:
            await self._apply_claims(user, identity, claims, origin, only)
        named = Identity(identity.issuer, identity.subject)
        is_operator = only is None and self._operators.include_sign_in(user, named, email, claims)
        return Grant(user, organization=only, is_operator=is_operator, issuer=identity.issuer, email=email)

    def _vouched(self, identity: ProviderUser) -> str | None:
        """Returns the verified address if the issuer may vouch for it."""
        email = identity.verified_email
        return email if email and self._issuers.vouch(identity.issuer, email) else None

    async def _meet(self, identity: ProviderUser, email: str | None, origin: Origin) -> str | None:
        """Links an identity that is seen for the first time to a user. Concurrent calls link it once.

        Args:
            identity: who signed in.
            email: the address, if the issuer may vouch for it.
            origin: of the call.

        Returns:
            The user, or None if another user has the address.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            known = await store.lock_identity(connection, identity.issuer, identity.subject)
            if known:
                return known.user
            holder = await store.lock_holder(connection, identity.verified_email)
            if holder is None:
                made = await store.add_user(connection, self._make_user_id(), email, identity.display_name)
                if made:
                    await store.add_identity(connection, identity, made, email)
                    return made
                holder = await store.lock_holder(connection, email)  # a concurrent sign-in took the address
            if holder is None or holder.has_identity or email is None:
                return None
            await store.add_identity(connection, identity, holder.user, email)
            if identity.has_name:
                await store.rename_user(connection, holder.user, identity.display_name)
            linked = {"issuer": identity.issuer, "subject": identity.subject, "email": email}
            await _record(connection, holder.user, LINK, identity.issuer, origin, None, linked)
            return holder.user

    async def _join(self, identity: ProviderUser, email: str | None, connection: Connection) -> str:
        """Creates the user of a newcomer. The address stays with the user who has it."""
        known = await store.lock_identity(connection, identity.issuer, identity.subject)
        if known:
            return known.user
        made = await store.add_user(connection, self._make_user_id(), email, identity.display_name)
        user = made or await store.add_user(connection, self._make_user_id(), None, identity.display_name)
        await store.add_identity(connection, identity, str(user), email)
        return str(user)

    async def _follow(self, identity: ProviderUser, email: str | None, origin: Origin) -> None:
        """Gives the user the name and the address that the issuer says now. An address that another user has stays there."""
        async with self._pool.acquire() as connection, connection.transaction():
            known = await store.lock_identity(connection, identity.issuer, identity.subject)
            if known is None or not known.differs(email, identity):
                return
            before = await store.name_and_address(connection, known.user)
            if email and email != known.email and not await store.readdress_user(connection, known.user, email):
                logger.warning("an identity provider gives a user the address of another", extra={"user": known.user})
                email = known.email
            if identity.has_name:
                await store.rename_user(connection, known.user, identity.display_name)
            await store.note_identity(connection, identity, email)
            after = await store.name_and_address(connection, known.user)
            if before != after:
                await _record(connection, known.user, FOLLOW, identity.issuer, origin, before, after)


class BearerTokens:
    """Finds the user of a bearer token of any kind. No text is valid as two kinds."""

    def __init__(self, directory: Directory, identity_tokens: IdentityTokens, links: LinkGrants) -> None:
        self._directory = directory
        self._links = links
        self._identity_tokens = identity_tokens

    async def grant(self, token: str, metadata: Metadata) -> Grant | None:
        """Returns what the bearer may do, or None if the token is not valid.

        Raises:
            AdminError: SIGN_IN_LINK_INVALID.
        """
        if ACCESS_TOKEN.is_well_formed(token):
            return await self._directory.grant_of_token(token)
        if CREDENTIAL.is_well_formed(token):
            return await self._directory.grant_of_credential(token)
        if SIGN_IN_LINK.is_well_formed(token):
            return await self._link(token)
        if REPORT_LINK.is_well_formed(token):
            return await self._links.of_report_link(token)
        return await self._identity_tokens.grant_of_identity_token(token, metadata)

    async def _link(self, secret: str) -> Grant:
        grant = await self._links.of_sign_in_link(secret)
        if grant is None:
            raise sign_in_link_invalid()
        return grant


async def _record(
    connection: Connection,
    user: str,
    method: str,
    issuer: str,
    origin: Origin,
    before: Mapping[str, str] | None,
    after: Mapping[str, str],
) -> None:
    """Writes what a sign-in changed into the audit log of every organization of the user."""
    places = await memberships_of(connection, user)
    await act_for(connection, [place.organization for place in places])
    for place in places:
        author = Author(user, method, origin, place.member, place.role, issuer=issuer)
        name = str(ResourceName(place.organization, MEMBERS, place.member))
        was = None if before is None else json_text(before)
        await author.write(connection, place.organization, name, was, json_text(after), place.group_path)
