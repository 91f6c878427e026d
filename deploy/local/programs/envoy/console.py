"""The console that Envoy serves: the committed build."""

from typing import Final

from megarouter_envoy.options import Console
from megarouter_envoy.replies.console_files import ConsoleNotBuiltError, read_console

from deploy.local.process.children import StartError
from deploy.local.stack.layout import REPOSITORY
from deploy.local.stack.plan import StackPlan

BUILD: Final = REPOSITORY / "console" / "dist"


def planned_console(plan: StackPlan) -> Console:
    """Returns the files of the console, and what else it may call: models, and the identity providers of the settings.

    Raises:
        StartError: the build is incomplete.
    """
    try:
        return read_console(BUILD, plan.listeners.url(plan.ports.model), plan.admin_edge.identity_providers)
    except ConsoleNotBuiltError as error:
        raise StartError(str(error)) from error
