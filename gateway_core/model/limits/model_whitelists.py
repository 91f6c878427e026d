"""Model whitelists: names, prefixes that end at a slash, and providers.

    gpt-4o-mini           the model with exactly this public name
    openai/gpt-4o-mini    the same model, addressed by its provider; or a model with exactly this public name
    openai/*              every model of the provider `openai`, and every model whose public name begins with `openai/`
    provider:openai       every model that this provider serves, and no other

A prefix always ends at a segment boundary, so `openai/*` never allows `openaix/gpt`. A public name may contain a colon,
but the prefix `provider:` always means a provider: a model named `provider:x` cannot be listed by its name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MAX_ENTRIES: Final = 200
MAX_ENTRY_BYTES: Final = 200

_PROVIDER: Final = "provider:"
_PREFIX_END: Final = "/*"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}")
_SLUG: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_SHOWN_CHARACTERS: Final = 60


class InvalidWhitelistError(ValueError):
    """An entry is malformed, or there are too many entries. The message names the entry and says what to write."""


@dataclass(frozen=True, slots=True)
class ModelWhitelist:
    """A parsed whitelist. It has one lookup for each kind of entry, however many entries there are."""

    names: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    """Each prefix, including its final slash."""
    providers: frozenset[str] = frozenset()

    def allows(self, model: str, provider: str) -> bool:
        """Returns whether the model may be called.

        Args:
            model: its public name in the catalog, with every alias resolved.
            provider: the name of the provider that serves it.
        """
        if model in self.names or provider in self.providers:
            return True
        qualified = qualified_name(model, provider)
        if qualified in self.names:
            return True
        return bool(self.prefixes) and (
            any(prefix in self.prefixes for prefix in _prefixes_of(qualified))
            or any(prefix in self.prefixes for prefix in _prefixes_of(model))
        )


def qualified_name(model: str, provider: str) -> str:
    """Returns the name that addresses a model by its provider: `openai/gpt-4o-mini`."""
    return f"{provider}/{model}"


def parse_whitelist(entries: Iterable[str]) -> ModelWhitelist:
    """Parses a whitelist. One bad entry rejects the whole list.

    Raises:
        InvalidWhitelistError: an entry is malformed, or there are too many entries.
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
    """Parses stored entries. A malformed entry allows nothing; the others remain in force."""
    good = []
    for entry in entries:
        try:
            _check(entry)
        except InvalidWhitelistError:
            continue
        good.append(entry)
    return parse_whitelist(good[:MAX_ENTRIES])


Offered = Mapping[str, str]
"""The provider of each model on offer, by public name."""
NOTHING_OFFERED: Final[Offered] = MappingProxyType({})


def is_subset(child: ModelWhitelist | None, parent: ModelWhitelist | None, offered: Offered = NOTHING_OFFERED) -> bool:
    """Returns whether the child allows nothing that the parent forbids. None allows everything.

    A name of models on offer is covered if the parent allows each of them, so `openai/*` covers `gpt-4o` of OpenAI. For the
    rest the result holds whatever the catalog holds: a name or prefix may belong to any provider, and a provider may serve
    any name. So a provider is covered by itself or by its prefix, `openai/*`; names and prefixes are covered by names and
    prefixes.
    """
    if parent is None:
        return True
    if child is None:
        return False
    return (
        all(f"{provider}/" in parent.prefixes for provider in child.providers - parent.providers)
        and all(
            name in parent.names or _is_below(name, parent) or _allows_all(parent, name, offered)
            for name in child.names
        )
        and all(_is_below(f"{prefix}any", parent) for prefix in child.prefixes)
    )


def _allows_all(parent: ModelWhitelist, name: str, offered: Offered) -> bool:
    """Whether a name means a model on offer, and the parent allows every model that it means."""
    provider, _, rest = name.partition("/")
    meant = [(model, offered[model]) for model in {name, rest} if model in offered]
    meant = [(model, served_by) for model, served_by in meant if model == name or served_by == provider]
    return bool(meant) and all(parent.allows(model, served_by) for model, served_by in meant)


def _is_below(name: str, parent: ModelWhitelist) -> bool:
    return any(prefix in parent.prefixes for prefix in _prefixes_of(name))


def _prefixes_of(name: str) -> Iterable[str]:
    """Yields `a/` and `a/b/` for `a/b/c`.

    A prefix must be followed by something: `a/` alone is not below the prefix `a/`.
    """
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
            raise InvalidWhitelistError(
                f"the whitelist entry {shown} does not name a provider: write 'provider:openai'"
            )
    elif "*" in entry:
        if not entry.endswith(_PREFIX_END) or not _NAME.fullmatch(entry[: -len(_PREFIX_END)]):
            raise InvalidWhitelistError(
                f"the whitelist entry {shown} is not a prefix: write one '*' at the end, after a slash, as in 'openai/*'"
            )
    elif not _NAME.fullmatch(entry):
        raise InvalidWhitelistError(
            f"the whitelist entry {shown} is not a model name: write 'gpt-4o', 'openai/gpt-4o', 'openai/*' or 'provider:openai'"
        )
