"""Prints the findings and figures of an audit."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gateway_core.model.money import format_credits
from usage_service.audit.check import Finding
from usage_service.audit.figures import Figures


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Prints a line for each check, and below the table the rows that break a check."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "check", "invariants"):
        table.add_column(heading, no_wrap=True)
    for heading in ("examined", "breaches", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for finding in findings:
        table.add_row(
            "[red]BREACH[/]" if finding.breach_count else "[green]ok[/]",
            finding.name,
            finding.invariants,
            f"{finding.examined:,}",
            f"{finding.breach_count:,}",
            f"{finding.duration_s:.2f}",
        )
    console.print(table)
    for finding in findings:
        if finding.breach_count:
            console.print()
            _print_breaches(console, finding)


def _print_breaches(console: Console, finding: Finding) -> None:
    shown = len(finding.breaches)
    more = f", the first {shown}" if shown < finding.breach_count else ""
    headline = f"{finding.name} ({finding.invariants}): {finding.promise}. {finding.breach_count:,} breaches{more}:"
    console.print(headline, markup=False, soft_wrap=True)
    for breach in finding.breaches:
        line = f"  {breach.organization or '-'}  {breach.row}  {breach.fault}"
        console.print(line, markup=False, soft_wrap=True)


def print_figures(console: Console, figures: Figures) -> None:
    """Prints the figures, with amounts in credits."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    rows: tuple[tuple[str, int, int | None], ...] = (
        ("organizations, and their credit", figures.organization_count, figures.balance),
        ("open holds", figures.open_hold_count, figures.open_hold_amount),
        ("usage records, and their charges", figures.record_count, figures.charge),
        ("corrections", figures.correction_count, figures.correction_delta),
        ("unconfirmed: expired, not reported yet", figures.unconfirmed_count, figures.unconfirmed_amount),
        ("flagged usage reports", figures.flagged_count, None),
        ("contradicting reports", figures.discrepancy_count, None),
        ("calls beyond their hold, in total", figures.overspend_count, figures.overspend_sum),
        ("  the largest excess of one call", int(figures.overspend_count > 0), figures.overspend_max),
    )
    for name, count, amount in rows:
        table.add_row(name, f"{count:,}", "" if amount is None else f"{format_credits(amount)} credits")
    console.print(table)
