"""An override speaks instead of the rule above it, unless a rule above forbids that."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.alerts.event_types import THRESHOLD_REACHED
from gateway_core.model.alerts.inheritance import StoredRule, in_effect, speaker
from gateway_core.model.alerts.rules import Place, Rule, thresholds_of
from gateway_core.model.organization.scopes import Scope, ScopeKind

PATHS = {
    "eng": ("eng",),
    "platform": ("eng", "platform"),
    "inference": ("eng", "platform", "inference"),
    "sales": ("sales",),
}
TOP = Place(Scope(ScopeKind.ORGANIZATION, "acme"))
GROUPS = {group: Place(Scope(ScopeKind.GROUP, group), path) for group, path in PATHS.items()}
MEMBERS = {group: Place(Scope(ScopeKind.MEMBER, f"in-{group}"), path, f"in-{group}") for group, path in PATHS.items()}
PLACES = (TOP, *GROUPS.values(), *MEMBERS.values())


def stored(name: str, place: Place, overrides: str = "", *, forbids: bool = False, enabled: bool = True) -> StoredRule:
    rule = Rule(
        name,
        frozenset({THRESHOLD_REACHED}),
        place.scope,
        includes_descendants=True,
        thresholds=thresholds_of([80], []),
        recipients=(),
    )
    return StoredRule(rule, place, overrides, forbids, enabled)


def speaking_of(place: Place, *rules: StoredRule) -> list[str]:
    return [rule.rule_id for rule in in_effect(rules) if rule.speaks_of(place)]


ROOT = stored("root", TOP)
ENG = stored("in-eng", GROUPS["eng"], "root")
PLATFORM = stored("in-platform", GROUPS["platform"], "root")


def test_the_innermost_override_speaks() -> None:
    found = {place.scope.scope_id: speaking_of(place, ROOT, ENG, PLATFORM) for place in PLACES}
    assert found["acme"] == found["sales"] == found["in-sales"] == ["root"]
    assert found["eng"] == found["in-eng"] == ["in-eng"]
    assert found["platform"] == found["inference"] == found["in-inference"] == ["in-platform"]


def test_an_override_that_is_switched_off_makes_silent() -> None:
    off = replace(PLATFORM, is_enabled=False)
    assert speaking_of(MEMBERS["inference"], ROOT, off) == []
    assert speaking_of(MEMBERS["eng"], ROOT, off) == ["root"]


def test_an_override_speaks_although_the_rule_above_is_switched_off() -> None:
    assert speaking_of(MEMBERS["platform"], replace(ROOT, is_enabled=False), PLATFORM) == ["in-platform"]


def test_a_rule_that_forbids_overrides_speaks_everywhere() -> None:
    assert speaking_of(MEMBERS["platform"], replace(ROOT, forbids_overrides=True), ENG, PLATFORM) == ["root"]


def test_an_override_forbids_others_inside_it() -> None:
    assert speaking_of(MEMBERS["platform"], ROOT, replace(ENG, forbids_overrides=True), PLATFORM) == ["in-eng"]


def test_a_rule_that_overrides_nothing_speaks_beside_others() -> None:
    assert speaking_of(MEMBERS["platform"], ROOT, stored("own", GROUPS["platform"])) == ["root", "own"]


OVERRIDES = st.lists(
    st.tuples(st.sampled_from(sorted(GROUPS)), st.booleans(), st.booleans()), max_size=4, unique_by=lambda one: one[0]
)


@given(OVERRIDES, st.booleans())
def test_of_a_rule_and_its_overrides_exactly_one_has_the_say(
    overrides: list[tuple[str, bool, bool]],
    root_forbids: bool,  # noqa: FBT001 - drawn
) -> None:
    root = replace(ROOT, forbids_overrides=root_forbids)
    rules = [
        root,
        *(stored(f"o-{group}", GROUPS[group], "root", forbids=forbids, enabled=on) for group, forbids, on in overrides),
    ]
    for place in PLACES:
        said = speaker(root, place, rules)
        assert speaking_of(place, *rules) == ([said.rule.rule_id] if said.is_enabled else [])
