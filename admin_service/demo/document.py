"""The JSON document that the seeder prints: the demo organization with its secrets."""

from admin_service.demo.content import (
    GROUPS,
    GUARDRAILS,
    MEMBERS,
    OPERATOR_TOKEN,
    ORGANIZATION,
    TOKENS,
    DemoGuardrail,
    DemoMember,
)
from admin_service.demo.secret_file import DemoSecrets
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.money import format_credits
from gateway_core.model.organization.scopes import Scope, ScopeKind

_GUARDRAIL_OF = {guardrail.scope: guardrail for guardrail in GUARDRAILS}
_PATH_OF = {group.group_id: group.path for group in GROUPS}


def demo_document(secrets: DemoSecrets) -> dict[str, object]:
    """Returns the document. The first key is the one to make a first call with."""
    return {
        "organization": f"organizations/{ORGANIZATION}",
        "admin_token": secrets.access_tokens[OPERATOR_TOKEN.token_id],
        "access_tokens": [
            {
                "user": f"users/{ORGANIZATION}-{token.member_id}",
                "role": token.role,
                "token": secrets.access_tokens[token.token_id],
            }
            for token in TOKENS
        ],
        "api_keys": [
            {
                "name": f"organizations/{ORGANIZATION}/apiKeys/{key.key_id}",
                "member": member.member_id,
                "role": str(member.role),
                "group": " > ".join(_path(member)),
                "guardrails": describe_guardrails(member, key.key_id),
                "shows": key.shows,
                "key": secrets.api_keys[key.key_id],
            }
            for member in MEMBERS
            for key in member.keys
        ],
        "groups": [
            {"name": f"organizations/{ORGANIZATION}/groups/{group.group_id}", "path": " > ".join(group.path)}
            for group in GROUPS
        ],
    }


def describe_guardrails(member: DemoMember, key_id: str) -> str:
    """Describes every guardrail above a key in a few words, narrowest first."""
    scopes = [
        Scope(ScopeKind.API_KEY, key_id),
        Scope(ScopeKind.MEMBER, member.member_id),
        *(Scope(ScopeKind.GROUP, group_id) for group_id in reversed(_path(member))),
        Scope(ScopeKind.ORGANIZATION, ORGANIZATION),
    ]
    return "; ".join(_describe(_GUARDRAIL_OF[scope]) for scope in scopes if scope in _GUARDRAIL_OF)


def _path(member: DemoMember) -> tuple[str, ...]:
    return _PATH_OF[member.group] if member.group else ()


def _describe(guardrail: DemoGuardrail) -> str:
    kind = guardrail.scope.kind
    subject = {ScopeKind.API_KEY: "key", ScopeKind.GROUP: f"group {guardrail.scope.scope_id}"}.get(kind, str(kind))
    limits = []
    if guardrail.budget_nano_credits is not None:
        cycle = "" if guardrail.cycle is Cycle.NEVER else f" {guardrail.cycle.lower()}"
        limits.append(f"{format_credits(guardrail.budget_nano_credits)} credits{cycle}")
    if guardrail.requests_per_minute is not None:
        limits.append(f"{guardrail.requests_per_minute} requests per minute")
    if guardrail.model_whitelist is not None:
        limits.append(f"only {', '.join(guardrail.model_whitelist)}")
    return f"{subject}: {', '.join(limits)}"
