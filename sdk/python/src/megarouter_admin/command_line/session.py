"""What a command works with: the client, the organization, the output and the current time."""

import datetime as dt
import ipaddress
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import GetOrganizationRequest, GetUserRequest, ListMembersRequest

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.named_groups import find_group
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.values.filters import quoted
from megarouter_admin.command_line.values.names import Collection, full_name, is_id_or_name, organization_name
from megarouter_admin.command_line.values.times import moment_of, relative
from megarouter_admin.paging import pages

if TYPE_CHECKING:
    from megarouter_admin.client import MegaRouter

TOKEN_VARIABLE: Final = "MEGAROUTER_ADMIN_TOKEN"  # noqa: S105 - the name of the variable
LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection options of the command line."""

    address: str
    organization: str
    token_file: Path | None
    json: bool


class Session:
    """The context of one run of a command."""

    def __init__(
        self,
        router: "MegaRouter",
        organization: str,
        output: Output,
        now: dt.datetime,
        endpoint: "Endpoint | None" = None,
    ) -> None:
        self.router = router
        self.output = output
        self.now = now
        self.endpoint = endpoint
        self._organization = organization

    @cached_property
    def organization(self) -> str:
        """`organizations/{organization}`: the one on the command line, otherwise the caller's current account."""
        if self._organization:
            return organization_name(self._organization)
        return str(self.router.accounts.GetUser(GetUserRequest(name="users/me")).current_account)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the organization."""
        organization = self.router.organizations.GetOrganization(GetOrganizationRequest(name=self.organization))
        return ZoneInfo(organization.time_zone or "UTC")

    def note_current_account(self, organization: str) -> None:
        """Tells the user that an organization became their current account, and whether their commands use it."""
        self.output.remark(f"{organization} is your current account now")
        if self._organization and organization_name(self._organization) != organization:
            self.output.remark(
                f"commands still use {self._organization}: change --organization or MEGAROUTER_ORGANIZATION"
            )

    def name(self, collection: Collection, text: str) -> str:
        """Returns the full resource name for a name as people write it.

        Raises:
            ValueError: the text is not a name in this collection.
        """
        return full_name(self.organization, collection, text)

    def group(self, text: str) -> str:
        """Returns the full name of a group given by id, name, or path of names, or an empty text for `none`.

        Raises:
            CommandError: the caller can see no such group, or several.
        """
        return "" if text == "none" else self.existing_group(text)

    def existing_group(self, text: str) -> str:
        """Returns the full name of a group, given by id, name, or path of names such as `Product/Apps`.

        Raises:
            CommandError: the caller can see no such group, or several.
        """
        if is_id_or_name(text, Collection.GROUPS):
            return self.name(Collection.GROUPS, text)
        return find_group(self.router, self.organization, text)

    def scope(self, text: str) -> str:
        """Returns a scope in which groups and members may be given as in other commands: `groups/Product/Apps`.

        Raises:
            CommandError: the caller can see no such group or member, or several.
        """
        collection, _, name = text.partition("/")
        if collection == Collection.GROUPS and name and not is_id_or_name(name, Collection.GROUPS):
            return self.existing_group(name)
        if collection == Collection.MEMBERS and "@" in name:
            return self.member(name)
        return text

    def member(self, text: str) -> str:
        """Returns the full name of a member, given by id, name or e-mail address.

        Raises:
            CommandError: the caller can see no member with this e-mail address.
        """
        if "@" not in text:
            return self.name(Collection.MEMBERS, text)
        request = ListMembersRequest(parent=self.organization, page_size=2, filter=f"email = {quoted(text)}")
        found = self.router.members.ListMembers(request).members
        if len(found) != 1:
            raise CommandError(f"{text} is not a member of {self.organization} that you may see")
        return str(found[0].name)

    def ago(self, moment: Timestamp) -> str:
        """Formats a time relative to now, such as `3 hours ago`, or returns an empty text if it is not set."""
        return relative(moment_of(moment), self.now) if moment.seconds else ""

    def listed(self, method: Callable[[Any], Any], request: Any, field: str, limit: int) -> list[Any]:  # noqa: ANN401 - any list
        """Returns the items of a list, and prints a remark if there are more.

        Args:
            method: the API method that returns a page.
            request: the request for the first page. Its `page_size` is overwritten.
            field: the field of the answer that holds the items.
            limit: maximum number of items; 0 for all.
        """
        request.page_size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
        items: list[Any] = []
        for page in pages(method, request):
            items += getattr(page, field)
            if limit and len(items) >= limit:
                return self._first(items, limit, more=bool(page.next_page_token))
        return items

    def _first(self, items: list[Any], limit: int, *, more: bool) -> list[Any]:
        if more or len(items) > limit:
            self.output.remark(f"showing the first {limit}; use --limit N for more, 0 for all")
        return items[:limit]


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """Where the admin API is, and the token for it."""

    url: str
    token: str
    """Empty for a command that needs none."""
    origin: str = ""
    """Where the token is from, for people."""
    expire_time: dt.datetime | None = None
    """When the token ends, if that is known."""


def endpoint_of(connection: Connection, now: dt.datetime, *, needs_token: bool = True) -> Endpoint:
    """Returns the endpoint of a connection. Needs no client, and reads the token once: its file may be a pipe.

    The token is that of --token-file, otherwise of the environment, otherwise of the stored sign-in at this address.

    Raises:
        ValueError: the address or the token is missing, or the token cannot be used.
        CommandError: the stored sign-in cannot be used.
    """
    if not connection.address:
        raise ValueError("no address: set MEGAROUTER_ADMIN_ADDRESS or use --address")
    url = url_of(connection.address)
    if not needs_token:
        if connection.token_file is not None:
            raise ValueError("this command takes no --token-file: it reads a token from the standard input")
        return Endpoint(url, "")
    if connection.token_file is None and not os.environ.get(TOKEN_VARIABLE):
        stored = _stored_endpoint(url, now)
        if stored is not None:
            return stored
    token = access_token(connection.token_file)
    return Endpoint(url, token, f"with the token in {connection.token_file or TOKEN_VARIABLE}")


def _stored_endpoint(url: str, now: dt.datetime) -> Endpoint | None:
    # Imported late: most commands get their token in the environment.
    from megarouter_admin.command_line.sign_in.store import store_for  # noqa: PLC0415

    store = store_for(url)
    if store is None or not store.is_used:
        return None
    from megarouter_admin.command_line.sign_in.renewal import valid_record  # noqa: PLC0415

    record = valid_record(store, now)
    if record is None or record.sign_in is None or record.secrets is None:
        return None
    place = record.application.issuer if record.application and record.sign_in.subject else ""
    origin = f"by {record.sign_in.method}{f' at {place}' if place else ''}"
    return Endpoint(url, record.secrets.token, origin, record.sign_in.expire_time)


@contextmanager
def open_session(connection: Connection, endpoint: Endpoint, now: dt.datetime) -> Iterator[Session]:
    """Opens a session for one command.

    Raises:
        ValueError: the address is not one that a client can use.
    """
    # Imported late: a missing address needs no client.
    from megarouter_admin.client import MegaRouter  # noqa: PLC0415

    with MegaRouter(endpoint.url, endpoint.token) as router:
        yield Session(router, connection.organization, Output(json=connection.json), now, endpoint)


def url_of(address: str) -> str:
    """Returns the address as a URL. An address without a scheme gets `http` on this machine and `https` elsewhere."""
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
    """Reads the caller's token from a file, or from the environment if `file` is None.

    There is no option for the token itself, because every process on a machine can read command lines.

    Raises:
        ValueError: there is no token, or it is unreadable or malformed.
    """
    try:
        token = file.read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise ValueError(f"cannot read the token in {file}: {unreadable}") from unreadable
    if not token:
        raise ValueError(
            f"no access token: sign in with `megarouter login`, set {TOKEN_VARIABLE}, or pass a file with --token-file"
        )
    return well_formed(token)


def well_formed(token: str) -> str:
    """Returns a token unchanged.

    Raises:
        ValueError: it cannot be sent.
    """
    if not (token.isascii() and token.isprintable()):
        raise ValueError(
            "the access token is malformed: it has more than one line, or characters outside printable ASCII"
        )
    return token
