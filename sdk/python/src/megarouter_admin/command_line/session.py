"""What a command works with: the connection, the organization, the output, the present moment."""

import datetime as dt
import ipaddress
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import GetUserRequest, ListMembersRequest

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.values.filters import quoted
from megarouter_admin.command_line.values.names import Collection, full_name, organization_name
from megarouter_admin.command_line.values.times import moment_of, relative
from megarouter_admin.paging import pages

if TYPE_CHECKING:
    from megarouter_admin.client import MegaRouter

TOKEN_VARIABLE: Final = "MEGAROUTER_ADMIN_TOKEN"  # noqa: S105 - the name of the variable
LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to and on whose behalf, as the command line says it."""

    address: str
    organization: str
    token_file: Path | None
    json: bool


class Session:
    """One run of one command."""

    def __init__(self, router: "MegaRouter", organization: str, output: Output, now: dt.datetime) -> None:
        self.router = router
        self.output = output
        self.now = now
        self._organization = organization

    @cached_property
    def organization(self) -> str:
        """`organizations/{organization}`: the one that was named, otherwise the caller's current account."""
        if self._organization:
            return organization_name(self._organization)
        return str(self.router.accounts.GetUser(GetUserRequest(name="users/me")).current_account)

    def name(self, collection: Collection, text: str) -> str:
        """The full name behind a short one."""
        return full_name(self.organization, collection, text)

    def group(self, text: str) -> str:
        """The full name of a group; empty for `none`."""
        return "" if text == "none" else self.name(Collection.GROUPS, text)

    def member(self, text: str) -> str:
        """The full name of a member, who may be called by e-mail address too."""
        if "@" not in text:
            return self.name(Collection.MEMBERS, text)
        request = ListMembersRequest(parent=self.organization, page_size=2, filter=f"email = {quoted(text)}")
        found = self.router.members.ListMembers(request).members
        if len(found) != 1:
            raise CommandError(f"{text} is not a member of {self.organization} that you may see")
        return str(found[0].name)

    def ago(self, moment: Timestamp) -> str:
        """How far away a moment is; empty for one that is not set."""
        return relative(moment_of(moment), self.now) if moment.seconds else ""

    def listed(self, method: Callable[[Any], Any], request: Any, field: str, limit: int) -> list[Any]:  # noqa: ANN401 - any list
        """Every item of a list, page by page.

        Args:
            method: the method that gives a page.
            request: for the first page.
            field: where the items stand in an answer.
            limit: most items; 0 for all.
        """
        request.page_size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
        items: list[Any] = []
        for page in pages(method, request):
            items += getattr(page, field)
            if limit and len(items) >= limit:
                if len(items) > limit or page.next_page_token:
                    self.output.remark(f"showing the first {limit}; use --limit N for more, 0 for all")
                return items[:limit]
        return items


def require_usable(connection: Connection) -> None:
    """Checks what can be checked without a client.

    Raises:
        ValueError: the address or the token is missing, or the token cannot be used.
    """
    if not connection.address:
        raise ValueError("no address: set MEGAROUTER_ADMIN_ADDRESS or use --address")
    access_token(connection.token_file)


@contextmanager
def open_session(connection: Connection, now: dt.datetime) -> Iterator[Session]:
    """Opens a session that ends with the command.

    Raises:
        ValueError: as `require_usable`.
    """
    # Imported here: help needs no client.
    from megarouter_admin.client import MegaRouter  # noqa: PLC0415

    require_usable(connection)
    with MegaRouter(url_of(connection.address), access_token(connection.token_file)) as router:
        yield Session(router, connection.organization, Output(json=connection.json), now)


def url_of(address: str) -> str:
    """The address with its scheme: without one it is encrypted, unless it is this machine."""
    if "://" in address:
        return address
    host = address.rpartition(":")[0] or address
    return f"{'http' if _is_this_machine(host.strip('[]')) else 'https'}://{address}"


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def access_token(file: Path | None) -> str:
    """The token of the caller: from a file or the environment, never from the command line, which every process can read."""
    try:
        token = file.read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise ValueError(f"cannot read the token in {file}: {unreadable}") from unreadable
    if not token:
        raise ValueError(f"no access token: set {TOKEN_VARIABLE} or name a file with --token-file")
    if not (token.isascii() and token.isprintable()):
        raise ValueError(
            "the access token is malformed: it has more than one line, or characters outside printable ASCII"
        )
    return token
