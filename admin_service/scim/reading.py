"""Reads of SCIM: one resource, or a page of a list.

An index answers `userName eq`, `externalId eq` and `id eq`, which directories ask before every push. Other filters compare all
resources, up to a bound.
"""

from collections.abc import Sequence
from typing import Any, Final

from megarouter.scim.v1.scim_pb2 import ScimRequest

from admin_service.scim import discovery, group_store, user_store
from admin_service.scim.attributes import selected
from admin_service.scim.discovery import MAX_RESULTS
from admin_service.scim.errors import ScimError, not_found
from admin_service.scim.filters import Comparison, Matches, parse_filter
from admin_service.scim.groups import read_group, resource_of
from admin_service.scim.users import existing
from admin_service.scim.users import resource_of as user_resource
from gateway_core.stores.postgres.connections import Connection

MAX_COMPARED: Final = 10_000
_MAX_LISTED_MEMBERS: Final = 20_000


async def read(connection: Connection, organization: str, request: ScimRequest, schema: str) -> dict[str, Any]:
    """Returns what a GET asks for. `schema` is the id of the schema that the path names, if it names one.

    Raises:
        ScimError: there is no such path or resource, or the filter is invalid.
    """
    kind, _, rest = request.path.partition("/")
    if kind == "Users":
        if rest:
            found = user_resource(await existing(connection, organization, rest))
            return selected(found, request.attributes, request.excluded_attributes)
        return await _users(connection, organization, request)
    if kind == "Groups":
        if rest:
            found = await read_group(connection, organization, rest)
            return selected(found, request.attributes, request.excluded_attributes)
        return await _groups(connection, organization, request)
    return _discovered(kind, schema if kind == "Schemas" else rest, request)


def _discovered(kind: str, rest: str, request: ScimRequest) -> dict[str, Any]:
    if kind == "ServiceProviderConfig" and not rest:
        return discovery.configuration()
    documents = {"ResourceTypes": discovery.resource_types, "Schemas": discovery.schemas}.get(kind)
    if documents is None:
        raise not_found(request.path)
    if request.filter:
        raise ScimError(403, "Filters do not apply here (RFC 7644, section 4).")
    if not rest:
        return discovery.list_of(documents(), len(documents()))
    document = next((one for one in documents() if one["id"] == rest), None)
    if document is None:
        raise not_found(request.path)
    return document


async def _users(connection: Connection, organization: str, request: ScimRequest) -> dict[str, Any]:
    start, count = _bounds(request)
    if not request.filter:
        rows = await user_store.users_of(connection, organization, start - 1, count)
        total = await user_store.count_users(connection, organization)
        return discovery.list_of([_shown(user_resource(row), request) for row in rows], total, start)
    matches = parse_filter(request.filter)
    if isinstance(matches, Comparison) and matches.operator == "eq" and isinstance(matches.value, str):
        indexed = {
            "username": user_store.users_by_name,
            "externalid": user_store.users_by_external_id,
            "id": _by_id,
        }.get(matches.attribute)
        if indexed:
            found = await indexed(connection, organization, matches.value)
            return _page([user_resource(row) for row in found], request)
    rows = await user_store.users_of(connection, organization, 0, MAX_COMPARED + 1)
    return _page(_matching([user_resource(row) for row in rows], matches), request)


async def _by_id(connection: Connection, organization: str, member: str) -> list[user_store.UserRow]:
    return list((await user_store.users_by_id(connection, organization, [member])).values())


async def _groups(connection: Connection, organization: str, request: ScimRequest) -> dict[str, Any]:
    rows = await group_store.groups_of(connection, organization, MAX_COMPARED + 1)
    matches = parse_filter(request.filter) if request.filter else None
    # Members only where they are shown or compared: a directory asks for groups by name, without them.
    if matches and "members" not in request.filter.casefold():
        wanted = {one["id"] for one in _matching([resource_of(row, ()) for row in rows], matches)}
        rows, matches = [row for row in rows if row.group in wanted], None
    total = len(rows)
    start, count = _bounds(request)
    if not matches:
        rows = rows[start - 1 : start - 1 + count]
    members = await group_store.members_of(
        connection, organization, [row.group for row in rows], _MAX_LISTED_MEMBERS + 1
    )
    if sum(map(len, members.values())) > _MAX_LISTED_MEMBERS:
        message = (
            "These groups have too many members for one answer. Set excludedAttributes=members, or a smaller count."
        )
        raise ScimError(400, message, "tooMany")
    resources = [resource_of(row, members[row.group]) for row in rows]
    if matches:
        return _page(_matching(resources, matches), request)
    return discovery.list_of([_shown(one, request) for one in resources], total, start)


def _matching(resources: Sequence[dict[str, Any]], matches: Matches) -> list[dict[str, Any]]:
    if len(resources) > MAX_COMPARED:
        message = f"There are more than {MAX_COMPARED:,} resources. Filter with `userName eq` or `externalId eq`."
        raise ScimError(400, message, "tooMany")
    return [one for one in resources if matches(one)]


def _page(resources: Sequence[dict[str, Any]], request: ScimRequest) -> dict[str, Any]:
    start, count = _bounds(request)
    page = resources[start - 1 : start - 1 + count]
    return discovery.list_of([_shown(one, request) for one in page], len(resources), start)


def _bounds(request: ScimRequest) -> tuple[int, int]:
    """Returns the number of the first result, and how many. Values below the least count as the least (RFC 7644, 3.4.2.4)."""
    count = request.count if request.HasField("count") else MAX_RESULTS
    return max(1, request.start_index), min(max(0, count), MAX_RESULTS)


def _shown(resource: dict[str, Any], request: ScimRequest) -> dict[str, Any]:
    return selected(resource, request.attributes, request.excluded_attributes)
