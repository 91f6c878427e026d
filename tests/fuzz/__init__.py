"""Harnesses for a fuzzer that follows branches; not tests of the suite."""
