"""Counts the uses of hosted tools, which cost a fee each, under the names of their fees.

Providers report them as counts in the usage, as output items, or both; of several reports of one fee the greatest counts.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.catalog.searches import SEARCH_UNIT
from usage_service.provider_reports.counts import Counts, counts_in
from usage_service.provider_reports.reading import Notes

MAX_FEES: Final = 16
"""More kinds of tools are not read."""

GROUNDING: Final = "grounding"
"""A search query for grounding an answer, at least one for each grounded answer. A model has this or the next as its fee."""
GROUNDING_QUERY: Final = "grounding_query"
"""A search query for grounding an answer."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_FREE_ITEMS: Final = frozenset({"function", "custom_tool", "mcp", "computer", "local_shell", "apply_patch"})
"""Items that the caller or its own server carries out."""

_WITHOUT_TOOLS: Final = frozenset(UsageFact) - {
    UsageFact.TOOL_ITEMS,
    UsageFact.TOOL_USAGE,
    UsageFact.GROUNDING_QUERIES,
    UsageFact.GROUNDED,
}
"""The facts that say nothing about tools. Most reports have no others."""

Uses = tuple[tuple[str, int], ...]


def uses_of(report: Mapping[str, object], usage: Counts | None, start: Counts | None, notes: Notes) -> Uses:
    """Returns how often each hosted tool was used, sorted by the name of its fee.

    Args:
        report: the facts.
        usage: the usage object of the report, if any.
        start: the usage at the start of an Anthropic stream, if any.
        notes: receives what is wrong.
    """
    if start is None and _WITHOUT_TOOLS.issuperset(report) and (usage is None or _TOOL_COUNTS.isdisjoint(usage.values)):
        return ()
    found: dict[str, int] = {}
    for name, count in _reported(report, usage, start, notes):
        if count and _NAME.fullmatch(name) and (name in found or len(found) < MAX_FEES):
            found[name] = max(found.get(name, 0), count)
    return tuple(sorted(found.items())) if found else ()


def _reported(
    report: Mapping[str, object], usage: Counts | None, start: Counts | None, notes: Notes
) -> Iterator[tuple[str, int]]:
    for counts in (start, usage):
        if counts is not None:
            yield from _in_usage(counts)
    if UsageFact.TOOL_ITEMS in report and (items := counts_in(report, notes, UsageFact.TOOL_ITEMS)):
        for kind in items.values:
            name = kind.removesuffix("_call").removesuffix("_tool_result")
            if name not in _FREE_ITEMS:
                yield name, items.of(kind)
    if UsageFact.TOOL_USAGE in report and (tools := counts_in(report, notes, UsageFact.TOOL_USAGE)):
        for name, value in tools.values.items():
            if isinstance(value, dict):
                yield name, tools.inside(name).of("num_requests")
    if UsageFact.GROUNDING_QUERIES in report or UsageFact.GROUNDED in report:
        queries = Counts(report, notes).of(UsageFact.GROUNDING_QUERIES)
        grounded = int(queries > 0 or report.get(UsageFact.GROUNDED) is True)
        # Where the answer and not each query is billed, the catalog has the fee once per call.
        for name in (GROUNDING, GROUNDING_QUERY):
            yield name, max(queries, grounded)


def _in_usage(usage: Counts) -> Iterator[tuple[str, int]]:
    for name, read in _READERS.items():
        if name in usage.values:
            yield from read(usage)


def _anthropic(usage: Counts) -> Iterator[tuple[str, int]]:
    tools = usage.inside("server_tool_use")
    for name in tools.values:
        yield name.removesuffix("_requests"), tools.of(name)


def _sources_of_xai(usage: Counts) -> Iterator[tuple[str, int]]:
    yield "live_search_source", usage.of("num_sources_used")


def _tools_of_xai(usage: Counts) -> Iterator[tuple[str, int]]:
    tools = usage.inside("server_side_tool_usage_details")
    for name in tools.values:
        if (tool := name.removesuffix("_calls")) not in _FREE_ITEMS:
            yield tool, tools.of(name)


def _search_units_of_cohere(usage: Counts) -> Iterator[tuple[str, int]]:
    yield SEARCH_UNIT, usage.of("search_units")


_READERS: Final[Mapping[str, Callable[[Counts], Iterator[tuple[str, int]]]]] = {
    "server_tool_use": _anthropic,
    "num_sources_used": _sources_of_xai,
    "server_side_tool_usage_details": _tools_of_xai,
    "search_units": _search_units_of_cohere,
}
"""What reads the uses in a usage object, by the name that is in it."""
_TOOL_COUNTS: Final = frozenset(_READERS)
