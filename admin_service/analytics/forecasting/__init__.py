"""Forecasts the spend of a budget's running cycle."""
