"""Errors that end a command, other than a failed call."""


class CommandError(Exception):
    """A command cannot do its work. The message is for people; the exit status is 1."""


class DeclinedError(Exception):
    """The user answered a question with no, or did not answer. The exit status is 1."""
