"""Commands that move credit: their arguments, and how to repeat one whose outcome is unknown."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from megarouter_admin.command_line.failures import may_have_worked
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.session import Session
from megarouter_admin.errors import MegaRouterError

AmountArgument = Annotated[str, Argument(metavar="CREDITS", text="Such as 25.50, with at most 9 decimals.")]
RequestIdOption = Annotated[
    str,
    Option(metavar="UUID", text="Request id of an earlier run that may have succeeded; it is not done twice."),
]


@contextmanager
def repeatable(session: Session, request_id: str) -> Iterator[str]:
    """Yields the id of a request. If the call's outcome is unknown, prints how to repeat it safely."""
    chosen = request_id or str(uuid.uuid4())
    try:
        yield chosen
    except MegaRouterError as error:
        if may_have_worked(error):
            session.output.remark(f"the command may have succeeded: repeat it with --request-id {chosen}")
        raise
