"""Adapters to PostgreSQL and Redis that two or more services use."""
