"""Collects the commands `megarouter usage`."""

from megarouter_admin.command_line.parsing.commands import Section
from megarouter_admin.command_line.resources.usage import (
    analysis,
    calls,
    exports,
    forecast,
    heatmap,
    questions,
    summary,
)

application = Section(
    {
        **questions.application.commands,
        **summary.application.commands,
        **calls.application.commands,
        **forecast.application.commands,
        **heatmap.application.commands,
        **analysis.application.commands,
        **exports.application.commands,
    }
)
