"""Why a stack cannot be started or stopped as asked."""


class StackError(Exception):
    """The stack is not as asked for; the message says why."""


class AlreadyRunningError(StackError):
    """Another supervisor holds the home."""
