"""Harnesses for a coverage-guided fuzzer. The test suite does not run them."""
