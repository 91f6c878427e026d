"""Users of a directory are members of the organization.

A change holds the lock of the organization, so two pushes run one after another.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct

from admin_service.access.permissions import Role
from admin_service.api.etags import etag_of
from admin_service.api.names import MEMBERS, ResourceName
from admin_service.api.validation import is_email
from admin_service.resources.invites.acceptance_store import add_member, readmit_member, seats_of
from admin_service.resources.members import changes as member_changes
from admin_service.resources.members.messages import member_message, member_name
from admin_service.resources.members.store import get_members
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.scim import user_store as store
from admin_service.scim.attributes import USER, USER_SCHEMA, kept
from admin_service.scim.discovery import ROOT
from admin_service.scim.errors import ScimError, invalid_value, not_found
from admin_service.scim.patches import patched
from admin_service.scim.user_store import UserRow
from admin_service.serving.change_transaction import Change
from admin_service.sign_in.identity_store import add_user, has_identity_at, lock_holder, readdress_user, rename_user
from admin_service.sign_in.issuers import Issuers
from gateway_core.stores.postgres.connections import Connection

_MAX_NAME: Final = 200
_KEPT: Final = ("userName", "externalId", "displayName", "name", "emails")


class Users:
    """Changes users. `make_id` returns a new id with a prefix."""

    def __init__(self, make_id: Callable[[str], str], issuers: Issuers) -> None:
        self._make_id = make_id
        self._issuers = issuers

    async def create(self, change: Change, body: Mapping[str, Any]) -> UserRow:
        """Makes a member of a user of the directory, in no group, with the role Member.

        Raises:
            ScimError: the name is missing or taken, an admin removed the person, or no seat is free.
        """
        connection, organization = change.connection, change.caller.resource.organization
        await refuse_in_personal_account(connection, organization)
        wanted = _checked(kept(body, USER))
        email = address_of(wanted)
        await _require_free(connection, organization, wanted["userName"])
        known = await store.user_by_email(connection, organization, email) if email else None
        if known and not known.is_kept:
            return await self._applied(change, known, wanted)
        external_id = wanted.get("externalId")
        removed = external_id and await store.removed_member(connection, organization, wanted["userName"], external_id)
        await _require_seat(connection, organization)
        if removed:
            await readmit_member(connection, organization, removed, Role.MEMBER, None)
            await store.keep_user(connection, organization, removed, wanted)
            member = removed
        else:
            member = await self._added(connection, organization, wanted, email, may_be_known=known is None)
        made = (await get_members(connection, organization, [member]))[member]
        change.record(member_name(made), None, member_message(made))
        change.record(member_name(made), None, _struct(wanted))
        row = await existing(connection, organization, member)
        return row if wanted.get("active", True) else await self._applied(change, row, wanted)

    async def _added(
        self,
        connection: Connection,
        organization: str,
        wanted: Mapping[str, Any],
        email: str | None,
        *,
        may_be_known: bool,
    ) -> str:
        """Adds a member of the user who has the address, if the directory may speak for them, otherwise of a new user.

        If another user has the address, the new one has none, so no person becomes another.
        """
        new, member = self._make_id("user"), self._make_id("mem")
        user = await self._known_user(connection, organization, email) if may_be_known else None
        is_own_user = user is None
        if user is None and (user := await add_user(connection, new, email, name_of(wanted))) is None:
            # Another user has the address, or a concurrent first sign-in has just taken it.
            user = await self._known_user(connection, organization, email) if may_be_known else None
            is_own_user = user is None
            user = user or await add_user(connection, new, None, name_of(wanted))
        await add_member(connection, organization, member, str(user), Role.MEMBER, None)
        await store.keep_user(connection, organization, member, wanted, is_own_user=is_own_user)
        return member

    async def _known_user(self, connection: Connection, organization: str, email: str | None) -> str | None:
        """Returns the user who has the address, if the directory may speak for them; None if not, or if there is none.

        It may if the deployment lets the organization use an issuer that vouches for the domain, and the user never signed in or
        signs in there with this address. So neither a person with a recycled address nor one of another issuer is made a member.

        Raises:
            ScimError: an admin removed this user from the organization.
        """
        issuers = self._issuers.let_provision(organization, email) if email else frozenset[str]()
        holder = await lock_holder(connection, email) if issuers else None
        if holder is None or email is None:
            return None
        if holder.has_identity and not await has_identity_at(connection, holder.user, issuers, email):
            return None
        is_by_directory = await store.was_removed_by_directory(connection, organization, holder.user)
        if is_by_directory is False:
            raise ScimError(409, "An admin removed this user. Ask an admin to invite them again.", "uniqueness")
        return None if is_by_directory else holder.user

    async def replace(self, change: Change, member: str, body: Mapping[str, Any], if_match: str) -> UserRow:
        """Makes a user what the directory says now."""
        row = await existing(change.connection, change.caller.resource.organization, member)
        _require_version(row, if_match)
        return await self._applied(change, row, _checked(kept(body, USER)))

    async def modify(self, change: Change, member: str, body: Mapping[str, Any], if_match: str) -> UserRow:
        """Changes parts of a user."""
        row = await existing(change.connection, change.caller.resource.organization, member)
        _require_version(row, if_match)
        return await self._applied(change, row, _checked(patched(kept_of(row), body, USER)))

    async def delete(self, change: Change, member: str, if_match: str) -> None:
        """Removes a member. A second removal finds no member.

        A member whom an admin suspended counts as removed by the admin, so a new push does not make them active.
        """
        organization = change.caller.resource.organization
        row = await existing(change.connection, organization, member)
        _require_version(row, if_match)
        await _require_changeable(change, row)
        if not row.is_kept:
            await store.keep_user(change.connection, organization, member, kept_of(row))
        await member_changes.set_state(change, [_name(organization, member)], "REMOVED")
        is_suspended_by_admin = row.state == "SUSPENDED" and not row.is_suspended
        await store.forget_user(change.connection, organization, member, is_name_kept=is_suspended_by_admin)

    async def _applied(self, change: Change, row: UserRow, wanted: dict[str, Any]) -> UserRow:
        """Brings a member to what the directory wants. What is so already changes nothing."""
        connection, organization = change.connection, change.caller.resource.organization
        before = kept_of(row)
        is_changed = any(before.get(name) != wanted.get(name) for name in _KEPT)
        if is_changed or not row.is_kept:
            if wanted["userName"].casefold() != row.user_name.casefold():
                await _require_free(connection, organization, wanted["userName"])
            await store.keep_user(connection, organization, row.member, wanted)
            if is_changed:
                await self._follow(connection, row, wanted)
                change.record(_name(organization, row.member), _struct(before), _struct(wanted))
        await _set_active(change, row, is_active=wanted.get("active", row.state == "ACTIVE"))
        return await existing(connection, organization, row.member)

    async def _follow(self, connection: Connection, row: UserRow, wanted: Mapping[str, Any]) -> None:
        """Gives the user the name and the address of the directory, unless the user is known elsewhere."""
        if not (row.is_own_user and await store.is_only_here(connection, row.user)):
            return
        if name_of(wanted) != row.display_name:
            await rename_user(connection, row.user, name_of(wanted))
        email = address_of(wanted)
        if email and email != row.email:
            await readdress_user(connection, row.user, email)


async def existing(connection: Connection, organization: str, member: str) -> UserRow:
    """Returns a present member.

    Raises:
        ScimError: there is none with this id in the organization.
    """
    row = (await store.users_by_id(connection, organization, [member])).get(member)
    if row is None:
        raise not_found(f"Users/{member}")
    return row


def resource_of(row: UserRow) -> dict[str, Any]:
    """Returns a user as SCIM shows it."""
    location = f"{ROOT}/Users/{row.member}"
    groups = [
        {"value": group, "$ref": f"{ROOT}/Groups/{group}", "display": name, "type": "direct"}
        for group, name in row.groups or ()
    ]
    return {
        "schemas": [USER_SCHEMA],
        "id": row.member,
        **kept_of(row),
        **({"groups": groups} if groups else {}),
        "meta": {
            "resourceType": "User",
            "created": row.create_time.isoformat(),
            "lastModified": row.update_time.isoformat(),
            "location": location,
            "version": version_of(row),
        },
    }


def kept_of(row: UserRow) -> dict[str, Any]:
    """Returns the kept attributes of a user. Of somebody whom the directory has not written yet: name and address of the user."""
    kept_now: dict[str, Any] = {"userName": row.user_name, "active": row.state == "ACTIVE"}
    if row.external_id:
        kept_now["externalId"] = row.external_id
    if row.is_kept:
        return kept_now | row.attributes
    if row.email:
        kept_now["emails"] = [{"value": row.email, "type": "work", "primary": True}]
    return kept_now | {"displayName": row.display_name}


def version_of(row: UserRow) -> str:
    """Returns the version of a user. It changes with what SCIM shows."""
    return f"W/{etag_of(row.member, repr(kept_of(row)), repr(row.groups), row.update_time)}"


def address_of(wanted: Mapping[str, Any]) -> str | None:
    """Returns the address that a user is known by: the primary one, else the first, else the name if it is one."""
    emails = [one for one in wanted.get("emails", ()) if one.get("value")]
    primary = next((one for one in emails if one.get("primary")), emails[0] if emails else None)
    text = str(primary["value"] if primary else wanted["userName"]).lower()
    return text if is_email(text) else None


def name_of(wanted: Mapping[str, Any]) -> str:
    """Returns the name to show."""
    name = wanted.get("name", {})
    parts = " ".join(name[part] for part in ("givenName", "familyName") if part in name)
    text: str = wanted.get("displayName") or name.get("formatted") or parts or wanted["userName"]
    return text[:_MAX_NAME]


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    if not wanted.get("userName"):
        raise invalid_value("userName is required.")
    if len(wanted["userName"]) > _MAX_NAME:
        raise invalid_value(f"userName must have at most {_MAX_NAME} characters.")
    return wanted


async def _require_free(connection: Connection, organization: str, user_name: str) -> None:
    taken = await store.users_by_name(connection, organization, user_name)
    if taken or await store.is_name_kept(connection, organization, user_name):
        message = (
            "A user of the organization has this userName, or an admin removed the user who has it. Update that user, or ask an"
            " admin to invite them again."
        )
        raise ScimError(409, message, "uniqueness")


async def _require_seat(connection: Connection, organization: str) -> None:
    seats = await seats_of(connection, organization)
    if not seats.has_free:
        message = f"All {seats.limit} seats of the organization are taken. Remove a member, or ask for more seats."
        raise ScimError(403, message)


async def _require_changeable(change: Change, row: UserRow) -> None:
    """Checks that SCIM may suspend and remove the member: no admins, unless the credential allows it, and never a Super Admin."""
    if row.role == Role.MEMBER:
        return
    organization, credential = change.caller.resource.organization, change.caller.grant.credential
    if row.role == Role.SUPER_ADMIN or not await store.may_change_admins(change.connection, organization, credential):
        message = f"The user has the role {row.role}. Ask an admin to give them the role Member first."
        raise ScimError(403, message, "mutability")


def _require_version(row: UserRow, if_match: str) -> None:
    if if_match and if_match not in {"*", version_of(row)}:
        raise ScimError(412, "The user changed since it was read. Read it again.")


async def _set_active(change: Change, row: UserRow, *, is_active: bool) -> None:
    """Suspends a member, or resumes one whom the directory suspended. A suspension by an admin stays."""
    organization = change.caller.resource.organization
    if is_active == (row.state == "ACTIVE") or (is_active and not row.is_suspended):
        return
    await _require_changeable(change, row)
    state = "ACTIVE" if is_active else "SUSPENDED"
    await member_changes.set_state(change, [_name(organization, row.member)], state)
    await store.set_suspended(change.connection, organization, row.member, is_suspended=not is_active)


def _name(organization: str, member: str) -> str:
    return str(ResourceName(organization, MEMBERS, member))


def _struct(wanted: Mapping[str, Any]) -> Struct:
    """Returns what the directory says, for the audit log."""
    message = Struct()
    message.update({name: wanted[name] for name in _KEPT if name in wanted})
    return message
