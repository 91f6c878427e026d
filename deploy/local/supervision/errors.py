"""Errors of starting and stopping a stack."""


class StackError(Exception):
    """The stack could not be started, stopped or reached. The message says why."""


class AlreadyRunningError(StackError):
    """Another supervisor holds the home."""
