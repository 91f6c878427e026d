"""Collects the commands `megarouter alerts`."""

from megarouter_admin.command_line.parsing.commands import Section
from megarouter_admin.command_line.resources.alerts import (
    channels,
    deliveries,
    inbox,
    mail,
    personal,
    rules,
    simulation,
)

application = Section(
    {
        **inbox.application.commands,
        **personal.application.commands,
        **mail.application.commands,
        **rules.application.commands,
        **simulation.application.commands,
        **channels.application.commands,
        **deliveries.application.commands,
    }
)
"""The commands `megarouter alerts`."""
