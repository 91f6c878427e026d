"""How a command can end without having done its work, beside a call that failed."""


class CommandError(Exception):
    """A command cannot do its work; the message is for people. Exit status 1."""


class DeclinedError(Exception):
    """The answer to a question was no, or none. Exit status 1."""
