"""Writes entries of the audit log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from admin_service.access.authorization import Asked, Caller, OperatorCaller, Origin, UserCaller
from admin_service.access.directory import Membership
from gateway_core.stores.postgres.connections import Connection

_RECORD: Final = """
INSERT INTO audit_log (organization_id, user_id, member_id, role, access_token_id, method, resource_name, group_path, before, after,
                       request_id, call_id, address, issuer, refusal, credential_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_RECORD_FOR_OPERATORS: Final = """
INSERT INTO operator_audit_log (user_id, access_token_id, method, concerned_organization_id, resource_name, before, after,
                                request_id, call_id, address, issuer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, how, and from where."""

    user: str
    method: str
    """`package.Service/Method`."""
    origin: Origin
    member: str | None = None
    role: str | None = None
    access_token: str | None = None
    credential: str | None = None
    """Id of the credential, if it is no person."""
    issuer: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, caller: Caller | UserCaller | OperatorCaller, method: str, request_id: str) -> Self:
        """Returns the author of a change that an RPC makes."""
        actor = caller.actor if isinstance(caller, Caller) and not caller.grant.credential else None
        return cls(
            user=caller.grant.user,
            method=method,
            origin=caller.origin,
            member=actor.member if actor else None,
            role=actor.role if actor else None,
            access_token=caller.grant.access_token,
            credential=caller.grant.credential,
            issuer=caller.grant.issuer,
            request_id=request_id,
        )

    @classmethod
    def of_refused(cls, asked: Asked) -> Self:
        """Returns the author of a change that was refused, whether or not the caller was authorized."""
        grant = asked.grant
        return cls(
            user=grant.user,
            method=asked.method.full_name,
            origin=asked.origin,
            access_token=grant.access_token,
            credential=grant.credential,
            issuer=grant.issuer,
            request_id=str(getattr(asked.request, "request_id", "")),
        )

    def without_membership(self) -> Self:
        """Returns the author for the audit log of an organization in which they did not act as a member."""
        return replace(self, member=None, role=None)

    def as_member(self, membership: Membership) -> Self:
        """Returns the author for the audit log of an organization in which they are this member."""
        return replace(self, member=membership.member, role=membership.role)

    async def write(
        self,
        connection: Connection,
        organization: str,
        resource: str,
        before: str | None,
        after: str | None,
        group_path: Sequence[str] = (),
        refusal: str = "",
    ) -> None:
        """Writes an entry. The transaction must act for the organization.

        Args:
            connection: in a transaction.
            organization: id.
            resource: name of what changed.
            before: the resource before, as JSON; None if it is new.
            after: the resource now, as JSON; None if it is gone.
            group_path: path of the group it is about. The admins of that group see the entry.
            refusal: why nothing was changed; empty if it was.
        """
        await connection.execute(
            _RECORD, organization, self.user, self.member, self.role, self.access_token, self.method, resource,
            list(group_path), before, after, self.request_id, self.origin.call_id, self.origin.address, self.issuer, refusal,
            self.credential,
        )  # fmt: skip

    async def write_for_operators(
        self, connection: Connection, organization: str | None, resource: str, before: str | None, after: str | None
    ) -> None:
        """Writes an entry of the operators' own log.

        Args:
            connection: in a transaction.
            organization: id of the one that the change concerns; None if it concerns the deployment.
            resource: name of what changed.
            before: the resource before, as JSON; None if it is new.
            after: the resource now, as JSON; None if it is gone.
        """
        await connection.execute(
            _RECORD_FOR_OPERATORS, self.user or None, self.access_token, self.method, organization, resource, before, after,
            self.request_id, self.origin.call_id, self.origin.address, self.issuer,
        )  # fmt: skip


def json_of(message: Message | None) -> str | None:
    """Returns a message as JSON; None for None."""
    return None if message is None else MessageToJson(message, indent=None, preserving_proto_field_name=False)


def json_text(values: Mapping[str, str]) -> str:
    """Returns values as JSON, for what is no resource."""
    return json.dumps(values, ensure_ascii=False)
