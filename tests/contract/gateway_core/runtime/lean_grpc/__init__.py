"""Tests of the lean gRPC transport."""
