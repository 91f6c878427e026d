"""Serves `megarouter.admin.v1.Members`. This module reads; `changes` changes members."""

import dataclasses
from collections.abc import Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import member_pb2
from megarouter.admin.v1.member_pb2 import Member

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Role, visibility
from admin_service.api.errors import permission_denied
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.rankings import Scope, ranked_query, ranking_of
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import check_subtree, path_of_listed_group, rows_in_group
from admin_service.resources.members import changes
from admin_service.resources.members import store as member_store
from admin_service.resources.members.identities import IdentityLinks
from admin_service.resources.members.messages import STATES, member_message
from admin_service.resources.members.store import MemberRow, rankings_of_members
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

_MEMBERS: Final = Listing(
    columns=member_store.MEMBER_COLUMNS,
    source=member_store.MEMBER_SOURCE,
    make=MemberRow,
    permission=Permission.MEMBERS_READ,
    orders={
        "name": SortColumn("m.member_id"),
        "create_time": SortColumn("m.create_time", "timestamptz"),
    },
    unique=SortColumn("m.member_id"),
    default_order="name",
    fields={
        "name": NameField("m.member_id", "organizations/{organization}/members/{id}"),
        "display_name": TextField("u.display_name"),
        "email": TextField("u.email"),
        "role": EnumField.of("m.role", Role, "ROLE_"),
        "state": EnumField.of("m.state", STATES, "STATE_"),
        "group": NameField("m.group_id", "organizations/{organization}/groups/{id}"),
        "create_time": TimeField("m.create_time"),
        "update_time": TimeField("m.update_time"),
    },
    searched=("u.display_name", "u.email"),
)
_FULL_MEMBERS: Final = dataclasses.replace(
    _MEMBERS,
    columns=member_store.FULL_MEMBER_COLUMNS,
    source=member_store.FULL_MEMBER_SOURCE,
    source_of_filters=member_store.MEMBER_SOURCE,
)
_RANKINGS: Final = rankings_of_members("member")


class MembersApi:
    """The members of organizations."""

    service = member_pb2.DESCRIPTOR.services_by_name["Members"]

    def __init__(
        self, pool: asyncpg.Pool, page_tokens: PageTokens, links: IdentityLinks, import_members: MakeChange
    ) -> None:
        """Prepares the handlers. `import_members` is the handler of ImportMembers, which changes more than members."""
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"GetMember": self.get, "ListMembers": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "ImportMembers": import_members,
            "MoveMember": self.move,
            "ChangeMemberRole": self.change_role,
            "SuspendMember": self.suspend,
            "ResumeMember": self.resume,
            "RemoveMember": self.remove,
            "LinkMemberIdentity": links.link,
            "BatchMoveMembers": self.batch_move,
            "BatchSuspendMembers": self.batch_suspend,
            "BatchResumeMembers": self.batch_resume,
            "BatchRemoveMembers": self.batch_remove,
        }
        self.rules: Mapping[str, Rule] = {"ListMembers": check_subtree}

    async def get(self, request: member_pb2.GetMemberRequest, caller: Caller) -> Member:
        """GetMember returns one member."""
        organization, member = caller.resource.organization, str(caller.resource.resource_id)
        async with acting_for(self._pool, organization) as connection:
            found = await member_store.get_members(connection, organization, [member])
        if member not in found:
            raise permission_denied(Permission.MEMBERS_READ, str(caller.resource))
        return member_message(found[member], full=request.view != member_pb2.MEMBER_VIEW_BASIC, named=True)

    async def list(self, request: member_pb2.ListMembersRequest, caller: Caller) -> member_pb2.ListMembersResponse:
        """ListMembers returns the members that the caller may see."""
        organization = caller.resource.organization
        full = request.view == member_pb2.MEMBER_VIEW_FULL
        async with acting_for(self._pool, organization) as connection:
            group_path = await path_of_listed_group(connection, request.group, caller, Permission.MEMBERS_READ)
            ranked = ranking_of(request.order_by, _RANKINGS, _MEMBERS.orders)
            whose = rows_in_group(
                visibility(caller.actor),
                group_path,
                with_descendants=request.with_descendants,
                rows="t" if ranked else "m",
                member="t.id" if ranked else "m.member_id",
                group=None if ranked else "m.group_id",
            )
            if ranked:
                scope = Scope(organization, list(whose), with_removed=request.show_removed)
                query = await ranked_query(connection, _FULL_MEMBERS, ranked, request, self._page_tokens, scope)
            else:
                query = (_FULL_MEMBERS if full else _MEMBERS).query(
                    request, self._page_tokens, organization,
                    Condition("m.organization_id = {}", organization),
                    Condition(member_store.IS_PERSON),
                    Condition("true" if request.show_removed else "m.state <> 'REMOVED'"),
                    *whose,
                )  # fmt: skip
            page = await query.read(connection)
        return member_pb2.ListMembersResponse(
            members=[member_message(row, full=full, named=True) for row in page.rows],
            next_page_token=page.next_page_token,
        )

    async def move(self, request: member_pb2.MoveMemberRequest, change: Change) -> Member:
        """MoveMember puts a member into another group."""
        (member,) = await changes.move(change, [request.name], request.group, request.etag)
        return member

    async def change_role(self, request: member_pb2.ChangeMemberRoleRequest, change: Change) -> Member:
        """ChangeMemberRole gives a member another role."""
        return await changes.change_role(change, request)

    async def suspend(self, request: member_pb2.SuspendMemberRequest, change: Change) -> Member:
        """SuspendMember stops a member and their keys until they are resumed."""
        (member,) = await changes.set_state(change, [request.name], "SUSPENDED", request.etag)
        return member

    async def resume(self, request: member_pb2.ResumeMemberRequest, change: Change) -> Member:
        """ResumeMember ends a suspension."""
        (member,) = await changes.set_state(change, [request.name], "ACTIVE", request.etag)
        return member

    async def remove(self, request: member_pb2.RemoveMemberRequest, change: Change) -> Member:
        """RemoveMember ends a membership and deletes the member's keys."""
        (member,) = await changes.set_state(change, [request.name], "REMOVED", request.etag)
        return member

    async def batch_move(
        self, request: member_pb2.BatchMoveMembersRequest, change: Change
    ) -> member_pb2.BatchMoveMembersResponse:
        """BatchMoveMembers puts members into another group, all or none."""
        moved = await changes.move(change, request.names, request.group)
        return member_pb2.BatchMoveMembersResponse(members=moved)

    async def batch_suspend(
        self, request: member_pb2.BatchSuspendMembersRequest, change: Change
    ) -> member_pb2.BatchSuspendMembersResponse:
        """BatchSuspendMembers suspends members, all or none."""
        suspended = await changes.set_state(change, request.names, "SUSPENDED")
        return member_pb2.BatchSuspendMembersResponse(members=suspended)

    async def batch_resume(
        self, request: member_pb2.BatchResumeMembersRequest, change: Change
    ) -> member_pb2.BatchResumeMembersResponse:
        """BatchResumeMembers resumes members, all or none."""
        resumed = await changes.set_state(change, request.names, "ACTIVE")
        return member_pb2.BatchResumeMembersResponse(members=resumed)

    async def batch_remove(
        self, request: member_pb2.BatchRemoveMembersRequest, change: Change
    ) -> member_pb2.BatchRemoveMembersResponse:
        """BatchRemoveMembers removes members, all or none."""
        removed = await changes.set_state(change, request.names, "REMOVED")
        return member_pb2.BatchRemoveMembersResponse(members=removed)
