"""The content of the demo organization: names, limits, and one key for each refusal that the tour shows."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Role
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT as CREDIT
from gateway_core.model.organization.scopes import Scope, ScopeKind

ORGANIZATION: Final = "acme"
DISPLAY_NAME: Final = "Acme"
TIME_ZONE: Final = "Europe/Berlin"
TOP_UP_NANO_CREDITS: Final = 1_000 * CREDIT
CREDIT_LINE_NANO_CREDITS: Final = 10_000_000 * CREDIT
ADMIN: Final = "olivia"
"""The Super Admin whose access token the seeder prints, and the operator of the deployment."""
OPERATORS: Final = f"user:{ORGANIZATION}-{ADMIN}"
"""The setting that names the operator."""

LONG_AGO: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class DemoGroup:
    """A group. Its id is the last part of its path."""

    path: tuple[str, ...]
    display_name: str

    @property
    def group_id(self) -> str:
        """The id, unique in the organization."""
        return self.path[-1]

    @property
    def parent(self) -> str | None:
        """Id of the group above; None at level 1."""
        return self.path[-2] if len(self.path) > 1 else None


@dataclass(frozen=True, slots=True)
class DemoKey:
    """An API key of a demo member."""

    key_id: str
    shows: str
    """What a call with this key demonstrates."""
    state: str = "ACTIVE"
    expire_time: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class DemoMember:
    """A member with keys. Without a group, the member is directly in the organization."""

    member_id: str
    display_name: str
    role: Role
    group: str | None
    keys: tuple[DemoKey, ...]
    state: str = "ACTIVE"

    @property
    def email(self) -> str:
        """The address, unique among all users. `.example` is reserved, so it reaches no one."""
        return f"{self.member_id}@{ORGANIZATION}.example"


@dataclass(frozen=True, slots=True)
class DemoGuardrail:
    """The limits of a scope. An absent limit does not apply."""

    scope: Scope
    budget_nano_credits: int | None = None
    cycle: Cycle = Cycle.NEVER
    requests_per_minute: int | None = None
    model_whitelist: tuple[str, ...] | None = None
    key_limit: int | None = None
    seat_limit: int | None = None


@dataclass(frozen=True, slots=True)
class DemoToken:
    """An access token of a demo member. It comes from no sign-in, so `./dev up` renews it."""

    token_id: str
    member_id: str
    role: str
    """What the description calls it: the role of the member, or OPERATOR."""
    may_operate: bool = False

    @property
    def organization(self) -> str | None:
        """The only organization that it is valid in; None for all, because an operator acts in every one."""
        return None if self.may_operate else ORGANIZATION


OPERATOR_TOKEN: Final = DemoToken(f"demo-{ADMIN}", ADMIN, "OPERATOR", may_operate=True)
TOKENS: Final = (
    DemoToken("demo-super-admin", ADMIN, "SUPER_ADMIN"),
    DemoToken("demo-l1-admin", "liam", "L1_ADMIN"),
    DemoToken("demo-sub-admin", "noah", "SUB_ADMIN"),
    DemoToken("demo-member", "emma", "MEMBER"),
    OPERATOR_TOKEN,
)
"""One person of each role, and the operator."""

GROUPS: Final = (
    DemoGroup(("engineering",), "Engineering"),
    DemoGroup(("engineering", "platform"), "Platform"),
    DemoGroup(("engineering", "platform", "inference"), "Inference"),
    DemoGroup(("engineering", "platform", "inference", "evaluation"), "Evaluation"),
    DemoGroup(("engineering", "product"), "Product"),
    DemoGroup(("engineering", "product", "mobile"), "Mobile"),
    DemoGroup(("sales",), "Sales"),
    DemoGroup(("sales", "emea"), "EMEA"),
    DemoGroup(("sales", "emea", "dach"), "DACH"),
)

# A new user starts with the first key: a plain member, deep in the tree, whose limits do not get in the way.
MEMBERS: Final = (
    DemoMember("emma", "Emma Fischer", Role.MEMBER, "evaluation", (DemoKey("emma-default", "an answer"),)),
    DemoMember("olivia", "Olivia Brandt", Role.SUPER_ADMIN, None, (DemoKey("olivia-admin", "an answer"),)),
    DemoMember("liam", "Liam Novak", Role.L1_ADMIN, "engineering", (DemoKey("liam-engineering", "an answer"),)),
    DemoMember("noah", "Noah Silva", Role.SUB_ADMIN, "platform", (DemoKey("noah-platform", "an answer"),)),
    DemoMember("jonas", "Jonas Weber", Role.L1_ADMIN, "sales", (DemoKey("jonas-sales", "an answer"),)),
    DemoMember(
        "lucas", "Lucas Moreau", Role.MEMBER, "inference",
        (DemoKey("lucas-tiny-budget", "402 budget_exhausted: the key's budget is smaller than any call"),),
    ),
    DemoMember(
        "mia", "Mia Rossi", Role.MEMBER, "mobile",
        (DemoKey("mia-two-per-minute", "429 rate_limited from the third call within a minute"),),
    ),
    DemoMember(
        "sofia", "Sofia Lindgren", Role.MEMBER, "emea",
        (DemoKey("sofia-one-model", "403 model_not_allowed for every model but gpt-4o-mini"),),
    ),
    DemoMember(
        "ben", "Ben Okafor", Role.MEMBER, "product",
        (DemoKey("ben-disabled", "401 key_disabled", state="DISABLED"),),
    ),
    DemoMember(
        "lena", "Lena Kovacs", Role.MEMBER, "dach",
        (DemoKey("lena-expired", "401 key_expired", expire_time=LONG_AGO),),
    ),
    DemoMember(
        "theo", "Theo Martin", Role.MEMBER, "sales",
        (DemoKey("theo-suspended", "403 member_suspended"),), state="SUSPENDED",
    ),
)  # fmt: skip

GUARDRAILS: Final = (
    DemoGuardrail(
        Scope(ScopeKind.ORGANIZATION, ORGANIZATION),
        budget_nano_credits=800 * CREDIT, cycle=Cycle.MONTHLY, key_limit=1_000, seat_limit=200,
    ),
    DemoGuardrail(Scope(ScopeKind.GROUP, "engineering"), budget_nano_credits=600 * CREDIT, cycle=Cycle.MONTHLY),
    DemoGuardrail(Scope(ScopeKind.GROUP, "evaluation"), budget_nano_credits=400 * CREDIT, cycle=Cycle.WEEKLY),
    DemoGuardrail(Scope(ScopeKind.GROUP, "sales"), budget_nano_credits=100 * CREDIT, cycle=Cycle.MONTHLY),
    DemoGuardrail(
        Scope(ScopeKind.MEMBER, "emma"),
        budget_nano_credits=300 * CREDIT, cycle=Cycle.DAILY, requests_per_minute=6_000, key_limit=5,
    ),
    DemoGuardrail(Scope(ScopeKind.MEMBER, "sofia"), budget_nano_credits=20 * CREDIT, cycle=Cycle.DAILY, requests_per_minute=60),
    DemoGuardrail(Scope(ScopeKind.API_KEY, "emma-default"), budget_nano_credits=250 * CREDIT),
    DemoGuardrail(Scope(ScopeKind.API_KEY, "lucas-tiny-budget"), budget_nano_credits=1),
    DemoGuardrail(Scope(ScopeKind.API_KEY, "mia-two-per-minute"), requests_per_minute=2),
    DemoGuardrail(Scope(ScopeKind.API_KEY, "sofia-one-model"), model_whitelist=("gpt-4o-mini",)),
)  # fmt: skip
