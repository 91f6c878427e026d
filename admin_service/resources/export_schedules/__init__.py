"""Schedules that start exports of usage."""
