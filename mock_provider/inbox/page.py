"""The inbox as an HTML page."""

import json
from collections.abc import Sequence
from html import escape

from mock_provider.inbox.messages import Message
from mock_provider.page import STYLE

_SHOWN = 100


def render_page(messages: Sequence[Message]) -> str:
    """Returns a self-contained page that reloads every five seconds, the newest message first."""
    rows = "".join(_row(message, is_newest=not place) for place, message in enumerate(reversed(messages[-_SHOWN:])))
    empty = '<tr><td colspan="5">Nothing yet.</td></tr>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Inbox of alerts</title>
<style>{STYLE} pre {{ margin: 0; white-space: pre-wrap; max-width: 44rem }} td {{ vertical-align: top }}</style></head><body>
<h1>Inbox of alerts</h1>
<p>What the gateway's webhooks brought here, newest first. As JSON: <a href="messages">/messages</a>.</p>
<div class="wide"><table><thead><tr><th>Time</th><th>Type</th><th>About</th><th>Signature</th><th>Data</th></tr></thead>
<tbody>{rows or empty}</tbody></table></div>
</body></html>
"""


def _row(message: Message, *, is_newest: bool) -> str:
    event = message.event
    mark, text = ("complete", "verified") if message.is_verified else ("failed", "not verified")
    again = f" (received {message.times_received} times)" if message.times_received > 1 else ""
    data = json.dumps(event.get("data"), indent=2, ensure_ascii=False)
    return (
        f"<tr><td>{escape(str(event.get('time', '')))}</td><td>{escape(str(event.get('type', '')))}</td>"
        f'<td>{escape(_about(event.get("data")))}</td><td class="{mark}">{text}{again}</td>'
        f"<td><details{' open' if is_newest else ''}><summary>show</summary><pre>{escape(data)}</pre></details></td></tr>"
    )


def _about(data: object) -> str:
    """Returns the name of what an alert is about; empty if it has none."""
    scope = data.get("scope") if isinstance(data, dict) else None
    return str(scope.get("displayName", "")) if isinstance(scope, dict) else ""
