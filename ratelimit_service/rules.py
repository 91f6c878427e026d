"""Rate limits of other domains than the gateway's own, from YAML files in the format of envoyproxy/ratelimit.

Its documentation and its tests are the specification: https://github.com/envoyproxy/ratelimit#configuration. They cover domains,
nested descriptors, exact values before wildcards (`value*`, `a*b*c`) before any value, `unlimited`, `shadow_mode`, `quota_mode`,
`share_threshold`, `metadata` and `replaces`. Options that only name metrics (`detailed_metric`, `value_to_metric`) have no
effect. Other options are refused.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway_core.contract.metadata import RATE_LIMIT_DOMAIN
from gateway_core.model.limits.rate_limits import RateUnit
from gateway_core.model.validation_problems import problems_of

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 16
MAX_METADATA_BYTES: Final = 4_096
_ANY_TEXT: Final = "*"


Entries = tuple[tuple[str, str], ...]


class RulesError(Exception):
    """The rules cannot be used. The message names the file, the place and the problem."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The limit of the descriptors at one place of the tree."""

    unit: RateUnit | None
    """None if unlimited."""
    requests_per_unit: int
    name: str
    """The name that `replaces` and the response use; may be empty."""
    replaces: frozenset[str]
    is_shadow: bool
    is_quota: bool = False
    """Whether it refuses a call only together with every other quota of the call."""
    metadata: Mapping[str, Any] | None = None
    """What Envoy gets in the dynamic metadata of a call that has room here."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rule of a descriptor."""

    rule: Rule
    entries: Entries
    """What is counted together: the entries, with the wildcard in place of a value whose threshold is shared."""


@dataclass(frozen=True, slots=True)
class _Wildcard:
    """A value with `*`, each of which stands for any text."""

    first: str
    middle: tuple[str, ...]
    last: str
    fixed_characters: int

    @classmethod
    def of(cls, value: str) -> "_Wildcard":
        first, *middle, last = value.split(_ANY_TEXT)
        return cls(first, tuple(middle), last, len(value) - value.count(_ANY_TEXT))

    def matches(self, value: str) -> bool:
        """Returns whether the parts occur in a value in their order, without overlap."""
        if len(value) < self.fixed_characters or not (value.startswith(self.first) and value.endswith(self.last)):
            return False
        at, end = len(self.first), len(value) - len(self.last)
        for part in self.middle:
            at = value.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True


@dataclass(frozen=True, slots=True)
class _Node:
    """One place in the tree of rules."""

    rule: Rule | None = None
    exact: Mapping[tuple[str, str], "_Node"] = field(default_factory=dict)
    wildcards: Mapping[str, Sequence[tuple[_Wildcard, "_Node"]]] = field(default_factory=dict)
    """By key, in the order of the file."""
    any_value: Mapping[str, "_Node"] = field(default_factory=dict)
    shared_as: str | None = None
    """The wildcard under which all matching values are counted together; None to count each value separately."""

    def child(self, key: str, value: str) -> "_Node | None":
        """Returns the most specific match, or None."""
        found = self.exact.get((key, value))
        if found is None and self.wildcards:
            found = next((node for wildcard, node in self.wildcards.get(key, ()) if wildcard.matches(value)), None)
        return found if found is not None else self.any_value.get(key)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of all domains."""

    domains: Mapping[str, _Node] = field(default_factory=dict)

    def find(self, domain: str, entries: Entries) -> Found | None:
        """Returns the rule at the place that matches all entries of a descriptor, or None."""
        node = self.domains.get(domain)
        counted = entries
        for position, (key, value) in enumerate(entries):
            node = node and node.child(key, value)
            if node is None:
                return None
            if node.shared_as is not None:
                counted = (*counted[:position], (key, node.shared_as), *counted[position + 1 :])
        return Found(node.rule, counted) if node and node.rule else None


def _text(value: object) -> object:
    """Turns a YAML integer into text. Other YAML types were meant as text and must be quoted."""
    if isinstance(value, bool | float):
        raise ValueError("must be quoted, because YAML does not read it as text")  # noqa: TRY004 - pydantic needs ValueError
    return str(value) if isinstance(value, int) else value


def _unit(value: object) -> object:
    names = [unit.name.lower() for unit in RateUnit]
    if not isinstance(value, str) or value.lower() not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return RateUnit[value.upper()]


def _metadata(value: object) -> object:
    """Checks that metadata can be a `google.protobuf.Struct`: JSON with texts as names."""
    if value is None:
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must contain only texts, numbers, true, false, null, lists and maps") from None
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"must have at most {MAX_METADATA_BYTES} bytes as JSON")
    return json.loads(text)


Metadata = Annotated[dict[str, Any] | None, BeforeValidator(_metadata)]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=256)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Replaced(_Strict):
    name: Annotated[Text, Field(min_length=1)]


class _Limit(_Strict):
    unit: Annotated[RateUnit | None, BeforeValidator(_unit)] = None
    requests_per_unit: Count | None = None
    unlimited: bool = False
    name: Text = ""
    replaces: list[_Replaced] = []


class _Descriptor(_Strict):
    key: Annotated[Text, Field(min_length=1)]
    value: Text = ""
    rate_limit: _Limit | None = None
    shadow_mode: bool = False
    quota_mode: bool = False
    share_threshold: bool = False
    metadata: Metadata = None
    detailed_metric: bool = False
    value_to_metric: bool = False
    descriptors: list["_Descriptor"] = []


class _File(_Strict):
    domain: Annotated[Text, Field(min_length=1)]
    descriptors: list[_Descriptor] = []


def parse_rules(files: Mapping[str, str], *, merges_domains: bool = False) -> Rules:
    """Returns the rules in files, given by name.

    Args:
        files: their texts.
        merges_domains: whether several files may have rules of one domain. The order of the files is that of their rules.

    Raises:
        RulesError: a file has the wrong format or is too large, or two files or descriptors have the same place.
    """
    names: dict[str, list[str]] = {}
    descriptors: dict[str, list[_Descriptor]] = {}
    for name, text in files.items():
        parsed = _parsed(name, text)
        if parsed.domain == RATE_LIMIT_DOMAIN:
            raise RulesError(f"{name}: the domain {RATE_LIMIT_DOMAIN} is the gateway's own; its limits are guardrails")
        if parsed.domain in names and not merges_domains:
            raise RulesError(f"{name}: the domain {parsed.domain} already has rules in another file")
        names.setdefault(parsed.domain, []).append(name)
        descriptors.setdefault(parsed.domain, []).extend(parsed.descriptors)
    return Rules({domain: _node(", ".join(names[domain]), listed, None, ()) for domain, listed in descriptors.items()})


def _parsed(name: str, text: str) -> _File:
    if len(text.encode()) > MAX_FILE_BYTES:
        raise RulesError(f"{name}: a file must have at most {MAX_FILE_BYTES} bytes")
    try:
        content: Any = yaml.safe_load(text)
        return _File.model_validate(content)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise RulesError(f"{name}: not valid YAML{f', line {mark.line + 1}' if mark else ''}") from error
    except ValidationError as error:
        places = (f"{place or 'the file'}: {problem}" for place, problem in problems_of(error))
        raise RulesError(f"{name}: {'; '.join(places)}") from error


def _node(
    file: str,
    descriptors: Sequence[_Descriptor],
    rule: Rule | None,
    path: tuple[str, ...],
    shared_as: str | None = None,
) -> _Node:
    if len(path) > MAX_DEPTH:
        raise RulesError(f"{file}: descriptors must be nested at most {MAX_DEPTH} deep")
    exact: dict[tuple[str, str], _Node] = {}
    wildcards: dict[str, list[tuple[_Wildcard, _Node]]] = {}
    any_value: dict[str, _Node] = {}
    seen: set[tuple[str, str]] = set()
    for one in descriptors:
        place = (*path, f"{one.key}={one.value}" if one.value else one.key)
        _require_usable(file, one, place)
        if (one.key, one.value) in seen:
            raise RulesError(f"{file}: {' > '.join(place)} occurs twice")
        seen.add((one.key, one.value))
        shared = one.value if one.share_threshold else None
        node = _node(file, one.descriptors, _rule(file, one, place), place, shared)
        if not one.value:
            any_value[one.key] = node
            continue
        exact[one.key, one.value] = node
        if _ANY_TEXT in one.value:
            wildcards.setdefault(one.key, []).append((_Wildcard.of(one.value), node))
    return _Node(rule, exact, wildcards, any_value, shared_as)


def _require_usable(file: str, descriptor: _Descriptor, place: Sequence[str]) -> None:
    if _ANY_TEXT in descriptor.key:
        raise RulesError(f"{file}: {' > '.join(place)}: a key must not contain {_ANY_TEXT}; values may")
    if descriptor.share_threshold and _ANY_TEXT not in descriptor.value:
        raise RulesError(f"{file}: {' > '.join(place)}: share_threshold requires a value with {_ANY_TEXT}")


def _rule(file: str, descriptor: _Descriptor, place: Sequence[str]) -> Rule | None:
    limit = descriptor.rate_limit
    if limit is None:
        return None
    problems = list(_problems(limit))
    if problems:
        raise RulesError(f"{file}: {' > '.join(place)}: {'; '.join(problems)}")
    return Rule(
        None if limit.unlimited else limit.unit,
        limit.requests_per_unit or 0,
        limit.name,
        frozenset(one.name for one in limit.replaces),
        descriptor.shadow_mode,
        descriptor.quota_mode,
        descriptor.metadata,
    )


def _problems(limit: _Limit) -> Iterator[str]:
    if limit.unlimited and (limit.unit is not None or limit.requests_per_unit is not None):
        yield "an unlimited rate_limit must not have unit or requests_per_unit"
    if not limit.unlimited and (limit.unit is None or limit.requests_per_unit is None):
        yield "a rate_limit requires unit and requests_per_unit, or unlimited"
    if limit.name and any(one.name == limit.name for one in limit.replaces):
        yield "a rate_limit cannot replace itself"
