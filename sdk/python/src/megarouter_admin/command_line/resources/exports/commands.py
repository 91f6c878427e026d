"""Collects the commands `megarouter exports`."""

from megarouter_admin.command_line.parsing.commands import Section
from megarouter_admin.command_line.resources.exports import made, schedules

application = Section({**made.application.commands, **schedules.application.commands})
"""The commands `megarouter exports`."""
