"""Exports of usage as CSV: calls, grouped usage, and FOCUS 1.2. They are streamed, exact and the same bytes every time."""
