"""Describes a failed call to people: what happened, and what to do about it. Pure."""

from typing import Final

import grpc

from megarouter_admin.command_line.rendering.characters import visible
from megarouter_admin.errors import MegaRouterError

_ADVICE: Final = {
    "ACCESS_TOKEN_INVALID": "sign in with `megarouter login`, set MEGAROUTER_ADMIN_TOKEN to a valid access token, "
    "or pass a file with --token-file",
    "PERMISSION_DENIED": "check the name and --organization (a missing resource gives the same error); `megarouter whoami` "
    "shows who you are",
    "PAGE_TOKEN_INVALID": "run the command again",
    "REQUEST_ID_REUSED": "this request id belongs to another request: omit --request-id",
    "ETAG_MISMATCH": "someone changed it in the meantime: show it again, then repeat the command",
    "API_KEY_DELETED": "create another key: `megarouter keys create`",
    "DEPENDENCY_UNAVAILABLE": "wait a moment, then repeat the command",
    "INTERNAL_FAULT": "contact the operator of the gateway, and quote the incident id",
    "CREDIT_INSUFFICIENT": "take less, or use --allow-overdraft",
    "REFUND_EXCEEDS_TOP_UPS": "refund less: `megarouter credits transactions` shows the top-ups",
    "ALREADY_EXISTS": "choose another id: a used id is never used again",
    "GROUP_NOT_EMPTY": "move or remove its groups and members first: `megarouter groups tree`, `megarouter members list --group`",
    "GROUP_TOO_DEEP": "a tree has at most four levels: choose a higher group",
    "GROUP_CYCLE": "choose a group that is not below the one to move",
    "ROLE_DOES_NOT_FIT_GROUP": "an l1-admin belongs to a group of level 1, a sub-admin to one of level 2 to 4, a super-admin "
    "to none: name the group with --group",
    "LAST_SUPER_ADMIN": "make another member a super-admin first: `megarouter members role`",
    "ROLE_NOT_GRANTABLE": "grant a lower role than yours, in your group or below",
    "SEAT_LIMIT_REACHED": "remove a member, or raise the limit: `megarouter guardrails set organization --seats`",
    "KEY_LIMIT_REACHED": "delete a key, or raise the limit: `megarouter guardrails set SCOPE --keys`",
    "INVITE_INVALID": "ask for a new invite: this one is unknown, used up, revoked or expired",
    "INVITE_ADDRESS_MISMATCH": "sign in with the e-mail address that was invited",
    "ORGANIZATION_SUSPENDED": "resume it first: `megarouter organizations resume`",
    "ORGANIZATION_DELETED": "undelete it first: `megarouter organizations undelete`",
    "MEMBER_REMOVED": "invite the user again: `megarouter invites create`",
    "LIMIT_ABOVE_OWN": "choose a limit no higher than those of your group and the groups above it: "
    "`megarouter guardrails list` shows them",
    "DISABLED_BY_ADMIN": "ask an admin to enable it",
    "PERSONAL_ACCOUNT": "choose an organization with --organization",
    "ROTATION_REQUIRED": "repeat the command with --rotate, and give the new secret to the new owner",
    "ROTATION_UNDER_WAY": "wait until the overlap ends, or end both older secrets now with --overlap 0",
    "LIMIT_SET_ABOVE": "choose a tighter limit, or ask an admin of the named organization or group",
    "KEY_REQUIREMENT_UNMET": "give the limit: --expires, --model or --budget; `megarouter organizations show` lists what keys need",
    "ALREADY_MEMBER": "change the role or the group instead: `megarouter members role`, `megarouter members move`; resume a "
    "suspended member: `megarouter members resume`",
    "IMPORT_HAS_ERRORS": "run the import again: another change came between the check and the import",
    "KEY_WHITELIST_TOO_WIDE": "narrow the key first: `megarouter keys update KEY --model ...`; `megarouter explain` shows what the "
    "new owner may call",
    "PURGED": "create another organization",
}
_ADVICE_BY_CODE: Final = {
    grpc.StatusCode.UNAVAILABLE: "check the address (--address), and whether the gateway runs",
    grpc.StatusCode.UNIMPLEMENTED: "this gateway lacks the command: it may be older than this client",
    grpc.StatusCode.INVALID_ARGUMENT: "correct the command; --help shows what it takes",
}


def advice(error: MegaRouterError) -> str:
    """Returns what to do about an error, or an empty text if unknown."""
    return _ADVICE.get(error.reason) or _ADVICE_BY_CODE.get(error.code, "")


def may_have_worked(error: MegaRouterError) -> bool:
    """Returns whether the service may have done the work although no answer arrived."""
    unknown = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
    return error.code in unknown and error.reason != "DEPENDENCY_UNAVAILABLE"


def describe(error: MegaRouterError) -> str:
    """Returns a few lines for people: the message, the invalid fields, the reason, and the remedy."""
    lines = [f"megarouter: {visible(error.message)}"]
    # The message lists every invalid field in one line, which is hard to read.
    if error.field_violations:
        lines = ["megarouter: the request has invalid fields"]
        lines += [f"  {violation.field}: {visible(violation.description)}" for violation in error.field_violations]
    lines.append(f"  reason: {error.reason or error.code.name}")
    remedy = advice(error)
    if remedy:
        lines.append(f"  what to do: {remedy}")
    return "\n".join(lines)
