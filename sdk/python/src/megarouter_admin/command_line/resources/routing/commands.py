"""Collects the commands `megarouter routing`."""

from megarouter_admin.command_line.parsing.commands import Section
from megarouter_admin.command_line.resources.routing import outcomes, policies, savings, virtual_models

application = Section(
    {
        **virtual_models.application.commands,
        **policies.application.commands,
        **savings.application.commands,
        **outcomes.application.commands,
    }
)
"""The commands `megarouter routing`."""
