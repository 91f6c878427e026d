"""The parts of the program by name, summary and module. Importing this module loads none of them."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from megarouter_admin.command_line.parsing.commands import Command


@dataclass(frozen=True, slots=True)
class Part:
    """A section of commands, or a command outside every section."""

    name: str
    summary: str
    """The help of a section. For a command: the same text as its docstring."""
    module: str
    """The name of its module in `resources`."""
    is_section: bool = True

    def load(self) -> "Mapping[str, Command]":
        """Imports the part and returns its commands by name: those of a section, or the one command."""
        module: Any = importlib.import_module(f"{__package__}.resources.{self.module}")
        commands: Mapping[str, Command] = (module.application if self.is_section else module.alone).commands
        return commands


PARTS: Final = (
    Part("login", "Sign in, and remember the sign-in for this address.", "caller.login", is_section=False),
    Part(
        "logout",
        "Sign out at this address: remove the stored sign-in, and revoke its access token.",
        "caller.logout",
        is_section=False,
    ),
    Part("whoami", "Show who you are, how you signed in, and until when.", "caller.accounts", is_section=False),
    Part(
        "explain",
        "Explain whether a call would pass now, what would stop it first, and how much is left at every scope.",
        "explain",
        is_section=False,
    ),
    Part(
        "verify",
        "Compare a usage report with the ledger, and show what has changed since. Fails if the report was altered.",
        "exports.verify",
        is_section=False,
    ),
    Part("accounts", "Your accounts: the organizations you are a member of.", "caller.accounts"),
    Part("organizations", "Organizations: who pays for calls.", "organizations"),
    Part("groups", "Groups: the organization's tree of at most four levels.", "groups"),
    Part("members", "Members: users in an organization.", "members"),
    Part(
        "service-accounts",
        "Service accounts: owners of keys that are no person.",
        "people.service_accounts",
    ),
    Part("invites", "Invites: links that make users members.", "invites"),
    Part("tokens", "Access tokens: the bearer tokens of people.", "access.tokens"),
    Part("sign-in-links", "Sign-in links: to sign in once without an identity provider.", "access.sign_in_links"),
    Part("credentials", "Credentials: the bearer tokens of programs.", "access.credentials"),
    Part("own-keys", "Own keys: keys that an organization has at providers itself.", "access.own_keys"),
    Part("claims", "Claims of identity providers that give roles.", "access.claims"),
    Part("keys", "API keys: the secrets with which members call models.", "keys"),
    Part("guardrails", "Guardrails: the limits of an organization, a group, a member or a key.", "guardrails"),
    Part("defaults", "Defaults: the limits that new members and new keys begin with.", "limits.defaults"),
    Part("credits", "Credits: the pool that pays for all calls of an organization.", "credits.documents"),
    Part("routing", "Routing: virtual models, policies, and explanations of choices.", "routing.commands"),
    Part("models", "Models: the models that can be called.", "models"),
    Part("usage", "Usage: what was called and spent, and how calls were metered.", "usage.commands"),
    Part("exports", "Exports: files of usage that the service makes in the background.", "exports.commands"),
    Part("anomalies", "Anomalies: unusual spend of members, keys and groups.", "anomalies"),
    Part("alerts", "Alerts: your inbox, and for admins rules, channels and deliveries.", "alerts.commands"),
    Part(
        "operator",
        "For operators of the deployment: credit lines, requests, grants, suspensions and their log.",
        "deployment.operator_log",
    ),
    Part(
        "catalog",
        "For operators of the deployment: providers, their credentials and models, changed while calls run.",
        "deployment.catalog",
    ),
    Part("audit", "The audit log: who changed what.", "audit"),
)
