"""Renders the chart with the real helm, and reads what comes out."""
