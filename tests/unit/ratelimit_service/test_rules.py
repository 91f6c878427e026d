"""The format of rules: matching of descriptors, and invalid files."""

import pytest

from gateway_core.model.limits.rate_limits import RateCounter, RateUnit, RuleCounter
from gateway_core.model.organization.scopes import Scope, ScopeKind
from ratelimit_service.rules import MAX_FILE_BYTES, MAX_METADATA_BYTES, RulesError, parse_rules

TREE = """
domain: shop
descriptors:
  - key: path
    value: /a/b
    rate_limit: {unit: second, requests_per_unit: 1}
  - key: path
    value: /a/*
    rate_limit: {unit: SECOND, requests_per_unit: 2}
  - key: path
    rate_limit: {unit: second, requests_per_unit: 3}
  - key: tenant
    rate_limit: {unit: hour, requests_per_unit: 4}
    descriptors:
      - key: status
        value: 404
        rate_limit: {unit: month, requests_per_unit: 5}
"""


@pytest.mark.parametrize(
    ("entries", "limit"),
    [
        ([("path", "/a/b")], 1),
        ([("path", "/a/c")], 2),
        ([("path", "/a/")], 2),
        ([("path", "/b")], 3),
        ([("path", "")], 3),
        ([("Path", "/b")], None),
        ([("tenant", "x")], 4),
        ([("tenant", "x"), ("status", "404")], 5),
        ([("tenant", "x"), ("status", "200")], None),
        ([("path", "/b"), ("status", "404")], None),
        ([("status", "404")], None),
    ],
)
def test_the_most_specific_rule_at_the_descriptors_depth_is_found(
    entries: list[tuple[str, str]], limit: int | None
) -> None:
    found = parse_rules({"shop.yaml": TREE}).find("shop", tuple(entries))
    assert (found and found.rule.requests_per_unit) == limit
    assert parse_rules({"shop.yaml": TREE}).find("other", tuple(entries)) is None


@pytest.mark.parametrize(
    ("wildcard", "matched", "others"),
    [
        ("bar*b", ["barb", "bar-b", "bar**b", "barbb"], ["bar", "bab", "barbc", "xbarb", ""]),
        ("foo*bar*baz", ["foobarbaz", "foo/bar/baz", "foobarbarbaz"], ["foobaz", "foobar", "foobarba", "barfoobaz"]),
        ("*", ["", "a", "*"], []),
        ("*end", ["end", "an end"], ["end.", "en"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("ab*b*bc", ["abbbc", "abxbxbc"], ["abbc", "abc"]),
        ("a**c", ["ac", "abc"], ["a", "c"]),
    ],
)
def test_each_star_of_a_value_stands_for_any_text(wildcard: str, matched: list[str], others: list[str]) -> None:
    """Seen to fail when only a star at the end counted: `bar*b` and `foo*bar*baz` matched nothing."""
    rules = parse_rules({"a.yaml": wild(wildcard)})
    assert [value for value in matched if not rules.find("a", (("k", value),))] == []
    assert [value for value in others if rules.find("a", (("k", value),))] == []


def wild(value: str, options: str = "") -> str:
    limit = "rate_limit: {unit: minute, requests_per_unit: 3}"
    return f'domain: a\ndescriptors: [{{key: k, value: "{value}", {options}{limit}}}]'


def test_the_first_wildcard_in_the_file_wins_after_exact_values() -> None:
    rules = parse_rules({"a.yaml": ORDERED})
    limits = {
        value: found.rule.requests_per_unit
        for value in ("abc", "abd", "xyz")
        if (found := rules.find("a", (("k", value),)))
    }
    assert limits == {"abc": 3, "abd": 1, "xyz": 4}


ORDERED = """
domain: a
descriptors:
  - {key: k, value: "a*", rate_limit: {unit: minute, requests_per_unit: 1}}
  - {key: k, value: "ab*", rate_limit: {unit: minute, requests_per_unit: 2}}
  - {key: k, value: abc, rate_limit: {unit: minute, requests_per_unit: 3}}
  - {key: k, rate_limit: {unit: minute, requests_per_unit: 4}}
"""


def test_values_that_share_a_threshold_are_counted_under_the_wildcard_at_every_depth() -> None:
    rules = parse_rules({"a.yaml": SHARED})
    found = rules.find("a", (("k", "x/1"), ("j", "y-1"), ("i", "z")))
    assert found is not None
    assert found.entries == (("k", "x/*"), ("j", "y-1"), ("i", "z"))
    assert (direct := rules.find("a", (("k", "x/*"), ("j", "y-1"), ("i", "z")))) is not None
    assert direct.entries == found.entries


SHARED = """
domain: a
descriptors:
  - key: k
    value: x/*
    share_threshold: true
    descriptors:
      - key: j
        value: y*
        descriptors:
          - {key: i, rate_limit: {unit: minute, requests_per_unit: 1}}
"""


REFUSED = {
    "domain: ''": "domain",
    "descriptors: []": "domain",
    "[]": "the file",
    "domain: [": "line 1",
    "domain: megarouter": "gateway's own",
    "domain: a\ndescriptors: [{value: x}]": "descriptors.0.key",
    "domain: a\ndescriptors: [{key: ''}]": "descriptors.0.key",
    "domain: a\ndescriptors: [{key: k, value: 1.0}]": "quoted",
    "domain: a\ndescriptors: [{key: k, value: yes}]": "quoted",
    "domain: a\ndescriptors: [{key: k, ratelimit: {}}]": "ratelimit",
    "domain: a\ndescriptors: [{key: k, rate_limit: {unit: fortnight, requests_per_unit: 1}}]": "one of second",
    "domain: a\ndescriptors: [{key: k, rate_limit: {unit: second}}]": "requests_per_unit",
    "domain: a\ndescriptors: [{key: k, rate_limit: {unit: second, requests_per_unit: -1}}]": "requests_per_unit",
    "domain: a\ndescriptors: [{key: k, rate_limit: {unlimited: true, unit: second}}]": "unlimited",
    "domain: a\ndescriptors: [{key: k}, {key: k}]": "twice",
    "domain: a\ndescriptors: [{key: k, value: v, descriptors: [{key: j}, {key: j}]}]": "k=v > j",
    "domain: a\ndescriptors: [{key: k, rate_limit: {unit: day, requests_per_unit: 1, name: n, replaces: [{name: n}]}}]": "itself",
    "domain: a\ndescriptors: [{key: k, unit_multiplier: 2}]": "unit_multiplier",
    "domain: a\ndescriptors: [{key: k*}]": "a key must not contain *",
    "domain: a\ndescriptors: [{key: k, value: v, share_threshold: true}]": "k=v: share_threshold requires a value with *",
    "domain: a\ndescriptors: [{key: k, metadata: {a: 2026-01-01}}]": "only texts, numbers",
    "domain: a\ndescriptors: [{key: k, metadata: {a: .nan}}]": "only texts, numbers",
    "domain: a\ndescriptors: [{key: k, metadata: [a]}]": "descriptors.0.metadata",
    f"domain: a\ndescriptors: [{{key: k, metadata: {{a: {'x' * MAX_METADATA_BYTES}}}}}]": "as JSON",
    "domain: a\n#" + "x" * MAX_FILE_BYTES: "bytes",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:60])
def test_an_invalid_file_is_refused_with_its_name_and_position(text: str) -> None:
    with pytest.raises(RulesError, match=r"^bad\.yaml: ") as raised:
        parse_rules({"bad.yaml": text})
    assert REFUSED[text] in str(raised.value)


def test_files_of_one_domain_are_merged_on_request_in_their_order() -> None:
    files = {"1.yaml": wild("a*"), "2.yaml": wild("ab*").replace("3", "9")}
    rules = parse_rules(files, merges_domains=True)
    limits = [found.rule.requests_per_unit for value in ("abc", "a") if (found := rules.find("a", (("k", value),)))]
    assert limits == [3, 3]
    with pytest.raises(RulesError, match=r"^1\.yaml, 2\.yaml: k=a\* occurs twice"):
        parse_rules({"1.yaml": wild("a*"), "2.yaml": wild("a*")}, merges_domains=True)


def test_the_rules_of_a_domain_must_be_in_one_file() -> None:
    with pytest.raises(RulesError, match="another file"):
        parse_rules({"a.yaml": "domain: a", "b.yaml": "domain: a"})


def test_no_two_counters_share_a_key() -> None:
    """This holds for any content of entries and any name of an organization."""
    texts = ("a", "a&b=c", "a=", ":", "}", "{", "a:rules", "%3A", "é", "")
    counters: list[RateCounter | RuleCounter] = [
        RuleCounter(domain, ((key, value),), unit)
        for domain in texts for key in texts for value in texts for unit in (RateUnit.SECOND, RateUnit.DAY)
    ]  # fmt: skip
    counters += [RuleCounter("a", (("a", "b"), ("c", "d")), RateUnit.SECOND)]
    counters += [RateCounter(name, Scope(ScopeKind.MEMBER, text), RateUnit.DAY) for name in texts for text in texts]
    assert len({counter.key() for counter in counters}) == len(counters)
