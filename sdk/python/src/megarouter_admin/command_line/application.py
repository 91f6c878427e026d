"""All commands together, and how a run of one ends."""

import sys
from collections.abc import Sequence
from typing import Final

from megarouter_admin.command_line import (
    accounts,
    audit,
    credit_pool,
    explain,
    groups,
    guardrails,
    invites,
    keys,
    members,
    models,
    organizations,
)
from megarouter_admin.command_line.commands import section
from megarouter_admin.command_line.failures import CommandError, describe
from megarouter_admin.errors import MegaRouterError

DONE: Final = 0
REFUSED: Final = 1

application: Final = section("megarouter", "Manages an organization on MegaRouter Enterprise.")
accounts.declare_whoami(application)
explain.declare(application)
for part in (accounts, organizations, groups, members, invites, keys, guardrails, credit_pool, models, audit):
    application.add_typer(part.application)


def run(arguments: Sequence[str]) -> int:
    """Runs a command and gives its exit status: 0 done, 1 refused, 2 misused."""
    try:
        application(list(arguments), prog_name="megarouter")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else DONE
    except MegaRouterError as error:
        print(describe(error), file=sys.stderr)
        return REFUSED
    except CommandError as error:
        print(f"megarouter: {error}", file=sys.stderr)
        return REFUSED
    return DONE
