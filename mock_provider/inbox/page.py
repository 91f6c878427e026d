"""The inbox as an HTML page."""

import json
from collections.abc import Sequence
from html import escape

from mock_provider.inbox.messages import Message
from mock_provider.page import STYLE

_SHOWN = 100


def render_page(messages: Sequence[Message]) -> str:
    """Returns a self-contained page that reloads every two seconds, the newest message first."""
    rows = "".join(_row(message) for message in reversed(messages[-_SHOWN:]))
    empty = '<tr><td colspan="4">Nothing yet.</td></tr>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Inbox of alerts</title>
<style>{STYLE} pre {{ margin: 0; white-space: pre-wrap; max-width: 44rem }} td {{ vertical-align: top }}</style></head><body>
<h1>Inbox of alerts</h1>
<p>What the gateway's webhooks brought here, newest first. As JSON: <a href="messages">/messages</a>.</p>
<div class="wide"><table><thead><tr><th>Time</th><th>Type</th><th>Signature</th><th>Data</th></tr></thead>
<tbody>{rows or empty}</tbody></table></div>
</body></html>
"""


def _row(message: Message) -> str:
    event = message.event
    mark, text = ("complete", "verified") if message.is_verified else ("failed", "not verified")
    again = f" (received {message.times_received} times)" if message.times_received > 1 else ""
    data = json.dumps(event.get("data"), indent=2, ensure_ascii=False)
    return (
        f"<tr><td>{escape(str(event.get('time', '')))}</td><td>{escape(str(event.get('type', '')))}</td>"
        f'<td class="{mark}">{text}{again}</td><td><pre>{escape(data)}</pre></td></tr>'
    )
