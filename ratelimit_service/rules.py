"""Rate limits of other domains than the gateway's own, from YAML files in the format of envoyproxy/ratelimit.

Its documentation is the specification: https://github.com/envoyproxy/ratelimit#configuration. It covers domains, nested
descriptors, exact values before prefixes (`value*`) before any value, `unlimited`, `shadow_mode` and `replaces`. Options that only
name metrics (`detailed_metric`, `value_to_metric`) have no effect. Options that would change decisions but are not implemented are
refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway_core.contract.metadata import RATE_LIMIT_DOMAIN
from gateway_core.model.limits.rate_limits import RateUnit

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 16
_ANY_REST: Final = "*"


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


@dataclass(frozen=True, slots=True)
class _Node:
    """One place in the tree of rules."""

    rule: Rule | None = None
    exact: Mapping[tuple[str, str], "_Node"] = field(default_factory=dict)
    prefixes: Mapping[str, Sequence[tuple[str, "_Node"]]] = field(default_factory=dict)
    """By key: prefixes of values, in the order of the file."""
    any_value: Mapping[str, "_Node"] = field(default_factory=dict)

    def child(self, key: str, value: str) -> "_Node | None":
        """Returns the most specific match, or None."""
        found = self.exact.get((key, value))
        if found is None:
            prefixes = self.prefixes.get(key, ())
            found = next((node for prefix, node in prefixes if value.startswith(prefix)), None)
        return found if found is not None else self.any_value.get(key)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of all domains."""

    domains: Mapping[str, _Node] = field(default_factory=dict)

    def find(self, domain: str, entries: Iterable[tuple[str, str]]) -> Rule | None:
        """Returns the rule at the place that matches all entries of a descriptor, or None."""
        node = self.domains.get(domain)
        for key, value in entries:
            node = node and node.child(key, value)
        return node.rule if node else None


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
    detailed_metric: bool = False
    value_to_metric: bool = False
    descriptors: list["_Descriptor"] = []


class _File(_Strict):
    domain: Annotated[Text, Field(min_length=1)]
    descriptors: list[_Descriptor] = []


def parse_rules(files: Mapping[str, str]) -> Rules:
    """Returns the rules in files, given by name.

    Raises:
        RulesError: a file has the wrong format or is too large, or two files or descriptors have the same place.
    """
    domains: dict[str, _Node] = {}
    for name, text in files.items():
        parsed = _parsed(name, text)
        if parsed.domain == RATE_LIMIT_DOMAIN:
            raise RulesError(f"{name}: the domain {RATE_LIMIT_DOMAIN} is the gateway's own; its limits are guardrails")
        if parsed.domain in domains:
            raise RulesError(f"{name}: the domain {parsed.domain} already has rules in another file")
        domains[parsed.domain] = _node(name, parsed.descriptors, None, ())
    return Rules(domains)


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
        places = (f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}" for item in error.errors())
        raise RulesError(f"{name}: {'; '.join(places)}") from error


def _node(file: str, descriptors: Sequence[_Descriptor], rule: Rule | None, path: tuple[str, ...]) -> _Node:
    if len(path) > MAX_DEPTH:
        raise RulesError(f"{file}: descriptors must be nested at most {MAX_DEPTH} deep")
    exact: dict[tuple[str, str], _Node] = {}
    prefixes: dict[str, list[tuple[str, _Node]]] = {}
    any_value: dict[str, _Node] = {}
    seen: set[tuple[str, str]] = set()
    for one in descriptors:
        place = (*path, f"{one.key}={one.value}" if one.value else one.key)
        if (one.key, one.value) in seen:
            raise RulesError(f"{file}: {' > '.join(place)} occurs twice")
        seen.add((one.key, one.value))
        node = _node(file, one.descriptors, _rule(file, one, place), place)
        if not one.value:
            any_value[one.key] = node
        elif one.value.endswith(_ANY_REST):
            prefixes.setdefault(one.key, []).append((one.value.removesuffix(_ANY_REST), node))
        else:
            exact[one.key, one.value] = node
    return _Node(rule, exact, prefixes, any_value)


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
    )


def _problems(limit: _Limit) -> Iterator[str]:
    if limit.unlimited and (limit.unit is not None or limit.requests_per_unit is not None):
        yield "an unlimited rate_limit must not have unit or requests_per_unit"
    if not limit.unlimited and (limit.unit is None or limit.requests_per_unit is None):
        yield "a rate_limit requires unit and requests_per_unit, or unlimited"
    if limit.name and any(one.name == limit.name for one in limit.replaces):
        yield "a rate_limit cannot replace itself"
