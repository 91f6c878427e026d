"""The tally as an HTML page."""

from collections.abc import Iterable
from html import escape

from mock_provider.tally import COUNT_NAMES, CallRecord, Finished, Tally, Totals

_RECENT_CALLS = 50
_COUNT_TITLES = ("Input", "Cache read", "Cache write 5m", "Cache write 1h", "Output", "Reasoning")
STYLE = """
:root { color-scheme: light dark; --line: #d9dee5; --dim: #667085; --card: #f6f8fa; --bad: #b42318; --good: #067647 }
@media (prefers-color-scheme: dark) {
  :root { --line: #30363d; --dim: #98a2b3; --card: #161b22; --bad: #f97066; --good: #47cd89 } }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 .5rem } p { color: var(--dim); margin: .2rem 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-top: 1.25rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem }
.card b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums } .card span { color: var(--dim) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
th { color: var(--dim); font-weight: 500 } .n { text-align: right; font-variant-numeric: tabular-nums }
.complete { color: var(--good) } .client_gone, .hung_up, .failed { color: var(--bad) }
"""


def render_page(tally: Tally) -> str:
    """Returns a self-contained page that reloads every five seconds."""
    recent = tally.recent_calls(_RECENT_CALLS)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mock provider</title>
<style>{STYLE}</style></head><body>
<h1>Mock provider</h1>
<p>What this provider has served, by its own count. Token sums cover complete calls.
As JSON: <a href="tally">/tally</a>, <a href="tally/calls">/tally/calls</a>.</p>
{_cards(tally)}
<h2>By model</h2>
{_model_table(tally)}
<h2>Last {_RECENT_CALLS} calls</h2>
{_call_table(recent)}
</body></html>
"""


def _cards(tally: Tally) -> str:
    totals = tally.totals
    cards = [
        ("Calls", totals.calls),
        ("Streamed", totals.streamed),
        ("In flight", tally.in_flight),
        ("Failed", totals.finished[Finished.FAILED]),
        ("Client gone", totals.finished[Finished.CLIENT_GONE]),
        ("Hung up", totals.finished[Finished.HUNG_UP]),
        *zip(_COUNT_TITLES, (totals.counts[name] for name in COUNT_NAMES), strict=True),
        ("Output written", totals.output_tokens_written),
    ]
    items = "".join(f'<div class="card"><span>{title}</span><b>{value:,}</b></div>' for title, value in cards)
    return f'<div class="cards">{items}</div>'


def _model_table(tally: Tally) -> str:
    rows = (_model_row(model or "(none)", totals) for model, totals in sorted(tally.models.items()))
    return _table(("Model", "Calls", "Complete", *_COUNT_TITLES), rows, first_number=1)


def _model_row(model: str, totals: Totals) -> str:
    numbers = (totals.calls, totals.finished[Finished.COMPLETE], *(totals.counts[name] for name in COUNT_NAMES))
    return f"<td>{escape(model)}</td>" + "".join(f'<td class="n">{number:,}</td>' for number in numbers)


def _call_table(records: Iterable[CallRecord]) -> str:
    titles = (
        "No.",
        "Endpoint",
        "Model",
        "Request id",
        "Status",
        "Ended",
        "Usage reported",
        "Input",
        "Cached",
        "Output",
        "ms",
    )
    return _table(titles, (_call_row(record) for record in records), first_number=7)


def _call_row(record: CallRecord) -> str:
    counts = record.counts or dict.fromkeys(COUNT_NAMES, 0)
    kind = record.endpoint + (" (stream)" if record.streamed else "")
    cells = (str(record.sequence), kind, record.model, record.request_id or "", str(record.status))
    numbers = (counts["input_uncached"], counts["cache_read"], counts["output"], round(record.duration_ms))
    return (
        "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f'<td class="{record.finished}">{record.finished.replace("_", " ")}</td><td>{record.usage_reported}</td>'
        + "".join(f'<td class="n">{number:,}</td>' for number in numbers)
    )


def _table(titles: tuple[str, ...], rows: Iterable[str], *, first_number: int) -> str:
    head = "".join(
        f'<th class="n">{title}</th>' if column >= first_number else f"<th>{title}</th>"
        for column, title in enumerate(titles)
    )
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    body = lines or f'<tr><td colspan="{len(titles)}">Nothing yet.</td></tr>'
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
