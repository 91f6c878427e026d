"""The format of rules: matching of descriptors, and invalid files."""

import pytest

from gateway_core.model.limits.rate_limits import RateCounter, RateUnit, RuleCounter
from gateway_core.model.organization.scopes import Scope, ScopeKind
from ratelimit_service.rules import MAX_FILE_BYTES, RulesError, parse_rules

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
    found = parse_rules({"shop.yaml": TREE}).find("shop", entries)
    assert (found and found.requests_per_unit) == limit
    assert parse_rules({"shop.yaml": TREE}).find("other", entries) is None


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
    "domain: a\ndescriptors: [{key: k, quota_mode: true}]": "quota_mode",
    "domain: a\n#" + "x" * MAX_FILE_BYTES: "bytes",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:60])
def test_an_invalid_file_is_refused_with_its_name_and_position(text: str) -> None:
    with pytest.raises(RulesError, match=r"^bad\.yaml: ") as raised:
        parse_rules({"bad.yaml": text})
    assert REFUSED[text] in str(raised.value)


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
