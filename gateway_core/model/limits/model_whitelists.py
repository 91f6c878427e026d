"""Model whitelists: exact public names, prefixes that end at a slash, and provider classes.

    openai/gpt-4o-mini    the model of exactly this public name
    openai/*              every model whose name begins with `openai/`
    provider:openai       every model that this provider serves, whatever its name

A prefix ends at a segment boundary by its shape: `openai/*` never allows `openaix/gpt`. A public name may hold a colon, so
that a model named `provider:x` could not be listed by its name: the word before the colon always means a provider.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_ENTRIES: Final = 200
MAX_ENTRY_BYTES: Final = 200

_PROVIDER: Final = "provider:"
_PREFIX_END: Final = "/*"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}")
_SLUG: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_SHOWN_CHARACTERS: Final = 60


class InvalidWhitelistError(ValueError):
    """An entry is not of the grammar, or there are too many; the message names the entry and says what to write."""


@dataclass(frozen=True, slots=True)
class ModelWhitelist:
    """A whitelist ready for use: a look-up for each kind of entry, however many there are."""

    names: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    """Each with its slash at the end."""
    providers: frozenset[str] = frozenset()

    def allows(self, model: str, provider: str) -> bool:
        """Whether a call of a model may pass.

        Args:
            model: its public name in the catalogue, with every alias resolved.
            provider: the name of the provider that serves it.
        """
        return (
            model in self.names
            or provider in self.providers
            or (bool(self.prefixes) and any(prefix in self.prefixes for prefix in _prefixes_of(model)))
        )


def parse_whitelist(entries: Iterable[str]) -> ModelWhitelist:
    """The whitelist of these entries.

    Raises:
        InvalidWhitelistError: see there. Nothing of a bad list is used.
    """
    listed = list(entries)
    if len(listed) > MAX_ENTRIES:
        raise InvalidWhitelistError(f"a model whitelist has at most {MAX_ENTRIES} entries, this one has {len(listed)}")
    names, prefixes, providers = set(), set(), set()
    for entry in listed:
        _check(entry)
        if entry.startswith(_PROVIDER):
            providers.add(entry.removeprefix(_PROVIDER))
        elif entry.endswith(_PREFIX_END):
            prefixes.add(entry[:-1])
        else:
            names.add(entry)
    return ModelWhitelist(frozenset(names), frozenset(prefixes), frozenset(providers))


def compile_stored(entries: Iterable[str]) -> ModelWhitelist:
    """The whitelist of entries that were stored before: one that is not of the grammar allows nothing, the others stand."""
    good = []
    for entry in entries:
        try:
            _check(entry)
        except InvalidWhitelistError:
            continue
        good.append(entry)
    return parse_whitelist(good[:MAX_ENTRIES])


def is_subset(child: ModelWhitelist | None, parent: ModelWhitelist | None) -> bool:
    """Whether the child allows nothing that the parent does not, whatever the catalogue holds; None allows everything.

    A name or prefix may belong to any provider, and a provider may serve any name: so only like covers like, and a prefix
    covers the names and prefixes below it. Exact for this meaning.
    """
    if parent is None:
        return True
    if child is None:
        return False
    return (
        child.providers <= parent.providers
        and all(name in parent.names or _is_below(name, parent) for name in child.names)
        and all(_is_below(f"{prefix}any", parent) for prefix in child.prefixes)
    )


def _is_below(name: str, parent: ModelWhitelist) -> bool:
    return any(prefix in parent.prefixes for prefix in _prefixes_of(name))


def _prefixes_of(name: str) -> Iterable[str]:
    """`a/`, `a/b/` of `a/b/c`. A prefix has something behind it: `a/` alone is below nothing but what `a/b` is."""
    position = name.find("/")
    while 0 <= position < len(name) - 1:
        yield name[: position + 1]
        position = name.find("/", position + 1)


def _check(entry: str) -> None:
    shown = repr(entry[:_SHOWN_CHARACTERS])
    if len(entry.encode(errors="replace")) > MAX_ENTRY_BYTES:
        raise InvalidWhitelistError(f"the whitelist entry {shown} is longer than {MAX_ENTRY_BYTES} bytes")
    if entry.startswith(_PROVIDER):
        if not _SLUG.fullmatch(entry.removeprefix(_PROVIDER)):
            raise InvalidWhitelistError(f"the whitelist entry {shown} names no provider: write 'provider:openai'")
    elif "*" in entry:
        if not entry.endswith(_PREFIX_END) or not _NAME.fullmatch(entry[: -len(_PREFIX_END)]):
            raise InvalidWhitelistError(
                f"the whitelist entry {shown} is no prefix: one '*' may stand at the end, behind a slash, as in 'openai/*'"
            )
    elif not _NAME.fullmatch(entry):
        raise InvalidWhitelistError(
            f"the whitelist entry {shown} is no model name: write 'gpt-4o', 'openai/gpt-4o', 'openai/*' or 'provider:openai'"
        )
