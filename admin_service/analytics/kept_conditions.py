"""SQL that keeps only the rows of a filter that are in a caller's reach. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from admin_service.analytics.query import Filter, Reach
from admin_service.listing.sql_parameters import Parameters


def kept_conditions(
    columns: Mapping[str, str],
    kept: Filter,
    reach: Reach,
    parameters: Parameters,
    *,
    path: str | None,
    tags: str | None,
) -> Iterable[str]:
    """Yields the conditions of a filter and a reach.

    Args:
        columns: the columns by the fields of `Filter`, with one for `members`. Fields without a column must be empty.
        kept: the filter.
        reach: what the caller may see.
        parameters: receives the values.
        path: the column of the path of groups; None if the rows are known to be in the groups of filter and reach.
        tags: the column of the tags; None if the rows have none, and the filter names none.
    """
    for name, column in columns.items():
        allowed: Any = getattr(kept, name)
        if allowed:
            yield f"{column} = ANY ({parameters.add(sorted(allowed))}::text[])"
    if tags is not None:
        for name, values in values_by_tag(kept).items():
            yield f"{tags} ->> {parameters.add(name)} = ANY ({parameters.add(values)}::text[])"
    if reach.member is not None:
        yield f"{columns['members']} = {parameters.add(reach.member)}"
    if path is None:
        return
    if kept.groups:
        yield f"{path} && {parameters.add(sorted(kept.groups))}::text[]"
    if reach.group is not None:
        yield f"{parameters.add(reach.group)} = ANY ({path})"


def values_by_tag(kept: Filter) -> Mapping[str, Sequence[str]]:
    """Returns the values that a filter allows for each tag that it names."""
    values: dict[str, list[str]] = {}
    for name, value in sorted(kept.tags):
        values.setdefault(name, []).append(value)
    return values
