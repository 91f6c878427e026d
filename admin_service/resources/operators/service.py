"""Serves `megarouter.admin.v1.Operators`."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import operator_pb2
from megarouter.admin.v1.operator_pb2 import OrganizationSummary
from megarouter.admin.v1.organization_pb2 import Organization

from admin_service.access.authorization import OperatorCaller
from admin_service.access.permissions import Permission
from admin_service.api.errors import FieldViolation, permission_denied
from admin_service.api.names import SUMMARY, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.resources.credits import messages as credit_messages
from admin_service.resources.credits.lines import CreditLine, line_message, set_credit_line
from admin_service.resources.credits.posting import post_once
from admin_service.resources.credits.top_up_requests import TopUpRequests
from admin_service.resources.members.identities import IdentityLinks
from admin_service.resources.operators.audit_log import OperatorAuditLog
from admin_service.resources.operators.store import (
    SUMMARIES,
    SUMMARY_COLUMNS,
    SummaryRow,
    add_grant,
    get_summary,
    restore,
    suspend,
)
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.resources.sign_in_links.changes import SignInLinkMaker
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.ledger.transfers import adjustment
from gateway_core.stores.postgres.connections import Connection

_NO_LINE: Final = "A personal account has no credit line. Grant it credit instead."
_SUMMARIES: Final = Listing(
    columns=SUMMARY_COLUMNS,
    source="",
    page_source=SUMMARIES,
    make=SummaryRow,
    permission=Permission.OPERATORS_READ,
    orders={"organization": SortColumn("s.organization_id")},
    unique=SortColumn("s.organization_id"),
    default_order="organization",
    fields={
        "organization": NameField("s.organization_id", "organizations/{id}"),
        "display_name": TextField("s.display_name"),
        "kind": EnumField.of("s.kind", ("ORGANIZATION", "PERSONAL"), "KIND_"),
        "state": EnumField.of("s.state", ("ACTIVE", "SUSPENDED", "DELETED"), "STATE_"),
        "balance_nano_credits": IntegerField("s.balance_nano_credits"),
        "create_time": TimeField("s.create_time"),
    },
    searched=("s.display_name",),
)


class OperatorsApi:
    """Credit and state of every organization."""

    service = operator_pb2.DESCRIPTOR.services_by_name["Operators"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        make_id: Callable[[str], str],
        links: IdentityLinks,
        sign_in_links: SignInLinkMaker,
    ) -> None:
        """Prepares the handlers. `make_id` returns a new id with a prefix."""
        requests = TopUpRequests(pool, page_tokens, make_id)
        self._pool = pool
        self._page_tokens = page_tokens
        self._links = links
        self._sign_in_links = sign_in_links
        self.handlers: Mapping[str, Handle] = {
            "GetOrganizationSummary": self.get,
            "ListOperatorAuditLogEntries": OperatorAuditLog(pool, page_tokens).list,
            "ListOrganizationSummaries": self.list,
            "SearchTopUpRequests": requests.search,
        }
        self.changes: Mapping[str, MakeChange] = {
            "ApproveTopUpRequest": requests.approve,
            "GrantCredit": self.grant,
            "IssueSignInLink": self.issue_sign_in_link,
            "LinkUserIdentity": self.link_identity,
            "RejectTopUpRequest": requests.reject,
            "RestoreAccount": self.restore,
            "SetCreditLine": self.set_line,
            "SuspendAccount": self.suspend,
        }
        self.rules: Mapping[str, Rule] = {"SetCreditLine": _check_line}

    async def get(
        self, _request: operator_pb2.GetOrganizationSummaryRequest, caller: OperatorCaller
    ) -> OrganizationSummary:
        """GetOrganizationSummary returns the sums of one organization."""
        async with self._pool.acquire() as connection:
            return _message(await _existing(connection, caller.named, Permission.OPERATORS_READ))

    async def list(
        self, request: operator_pb2.ListOrganizationSummariesRequest, _caller: OperatorCaller
    ) -> operator_pb2.ListOrganizationSummariesResponse:
        """ListOrganizationSummaries returns the sums of all organizations."""
        query = _SUMMARIES.query(request, self._page_tokens, "")
        async with self._pool.acquire() as connection:
            page = await query.read(connection)
        return operator_pb2.ListOrganizationSummariesResponse(
            organization_summaries=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def set_line(self, request: operator_pb2.SetCreditLineRequest, change: Change) -> OrganizationSummary:
        """SetCreditLine sets how much the organization may top up."""
        line = None if request.is_unlimited else request.line_nano_credits

        async def change_line(connection: Connection, organization: str) -> None:
            await refuse_in_personal_account(connection, organization, _NO_LINE)
            await set_credit_line(connection, organization, line, change.caller.user)

        return await _changed(change, change_line)

    async def grant(self, request: operator_pb2.GrantCreditRequest, change: Change) -> operator_pb2.GrantCreditResponse:
        """GrantCredit gives credit without payment."""
        caller: OperatorCaller = change.caller
        organization = caller.named.organization
        await _existing(change.connection, caller.named, Permission.OPERATORS_WRITE)
        grant = f"{caller.user}:{uuid.UUID(request.request_id)}"
        await add_grant(
            change.connection,
            organization,
            grant,
            operator=caller.user,
            amount_nano_credits=request.amount_nano_credits,
            reason=request.reason,
        )
        transfer = adjustment(
            request.amount_nano_credits,
            idempotency_key=f"grant:{grant}",
            actor=f"users/{caller.user}",
            reason=request.reason,
        )
        row, state = await post_once(transfer, change)
        return operator_pb2.GrantCreditResponse(
            credit_transaction=credit_messages.transaction_message(organization, row),
            balance=credit_messages.balance_message(organization, state),
        )

    async def issue_sign_in_link(
        self, request: operator_pb2.IssueSignInLinkRequest, change: Change
    ) -> operator_pb2.IssueSignInLinkResponse:
        """IssueSignInLink makes a sign-in link for a member of any role."""
        return await self._sign_in_links.issue(request, change)

    async def link_identity(
        self, request: operator_pb2.LinkUserIdentityRequest, change: Change
    ) -> operator_pb2.LinkUserIdentityResponse:
        """LinkUserIdentity links an identity to a member's user, whatever rights the user has."""
        return operator_pb2.LinkUserIdentityResponse(member=str(await self._links.link_as_operator(request, change)))

    async def suspend(self, _request: operator_pb2.SuspendAccountRequest, change: Change) -> OrganizationSummary:
        """SuspendAccount stops all calls until an operator restores the organization."""
        return await _changed(change, suspend, unless=lambda row: row.is_blocked)

    async def restore(self, _request: operator_pb2.RestoreAccountRequest, change: Change) -> OrganizationSummary:
        """RestoreAccount ends a suspension."""
        return await _changed(change, restore, unless=lambda row: not row.is_suspended)


def _check_line(request: operator_pb2.SetCreditLineRequest) -> Iterable[FieldViolation]:
    if request.is_unlimited and request.line_nano_credits:
        yield FieldViolation("line_nano_credits", "must be 0 if is_unlimited is set")


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> SummaryRow:
    row = await get_summary(connection, name.organization)
    if row is None:
        raise permission_denied(permission, str(name))
    return row


async def _changed(
    change: Change,
    make: Callable[[Connection, str], Awaitable[None]],
    unless: Callable[[SummaryRow], bool] = lambda _: False,
) -> OrganizationSummary:
    """Changes the named organization, and records what became of its summary. Changes nothing if `unless` holds."""
    name = change.caller.named
    before = await _existing(change.connection, name, Permission.OPERATORS_WRITE)
    if unless(before):
        return _message(before)
    await make(change.connection, name.organization)
    after = await _existing(change.connection, name, Permission.OPERATORS_WRITE)
    change.record(name, _message(before), _message(after))
    return _message(after)


def _message(row: SummaryRow) -> OrganizationSummary:
    return OrganizationSummary(
        name=str(ResourceName(row.organization, SUMMARY)),
        display_name=row.display_name,
        kind=Organization.Kind.Value(f"KIND_{row.kind}"),
        state=Organization.State.Value(f"STATE_{row.state}"),
        is_suspended_by_operator=row.is_blocked,
        balance_nano_credits=row.balance,
        topped_up_nano_credits=row.topped_up,
        adjusted_nano_credits=row.adjusted,
        spent_nano_credits=row.spent,
        credit_line=line_message(row.organization, CreditLine(row.line, row.used)),
        pending_request_count=row.pending_requests,
        create_time=timestamp(row.create_time),
    )
