"""Matches entries of whitelists and rate limits with the models on offer. Pure."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from gateway_core.model.limits.model_whitelists import parse_whitelist, qualified_name

MAX_SHOWN: Final = 3
"""How many entries an error names, each with at most as many suggestions."""
_MAX_COMPARED: Final = 5_000
_MIN_LIKENESS: Final = 0.5


class OfferedModels:
    """The names by which entries can match the models on offer."""

    def __init__(self, models: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        """Takes the public name, the provider and the aliases of each model."""
        self._providers: dict[str, str] = {}
        self._aliased: dict[str, str] = {}
        for name, provider, aliases in models:
            self._providers[name] = provider
            self._aliased |= {alias.lower(): name for alias in aliases}

    def matches(self, entry: str) -> bool:
        """Returns whether a well-formed entry allows a model."""
        whitelist = parse_whitelist([entry])
        return any(whitelist.allows(name, provider) for name, provider in self._providers.items())

    def nearest(self, entry: str) -> list[str]:
        """Returns entries that match a model and are written like this one; at most `MAX_SHOWN`, the likeliest first."""
        if entry.lower() in self._aliased:
            return [self._aliased[entry.lower()]]
        spellings = {spelling.lower(): spelling for spelling in self._spellings(entry)}
        compared = list(spellings)[:_MAX_COMPARED]
        found = difflib.get_close_matches(entry.lower(), compared, n=MAX_SHOWN, cutoff=_MIN_LIKENESS)
        return [spellings[spelling] for spelling in found]

    def _spellings(self, entry: str) -> Iterable[str]:
        """Yields the entries of the kind that was written: whole providers, or single models."""
        providers = sorted(set(self._providers.values()))
        if entry.startswith("provider:"):
            return [f"provider:{provider}" for provider in providers]
        if entry.endswith("/*"):
            return [f"{provider}/*" for provider in providers]
        if "/" in entry:
            return [qualified_name(name, provider) for name, provider in self._providers.items()]
        return [*self._providers, *(f"{provider}/*" for provider in providers)]
