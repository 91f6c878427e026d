"""Processes that run beside a benchmark, so that it can measure and halt them apart from what it is about."""
