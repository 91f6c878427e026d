"""Which anomalies of a day are one alarm."""

from gateway_core.model.organization.scopes import ScopeKind
from usage_service.anomalies.folding import Alarm, folded

GROUP, MEMBER, KEY = ScopeKind.GROUP, ScopeKind.MEMBER, ScopeKind.API_KEY
PATH = ("eng", "web")


def group(name: str, excess: int, *above: str) -> Alarm:
    return Alarm(f"a-{name}", GROUP, name, (*above, name), "", excess)


def member(name: str, excess: int, path: tuple[str, ...] = PATH) -> Alarm:
    return Alarm(f"a-{name}", MEMBER, name, path, name, excess)


def key(name: str, owner: str, excess: int) -> Alarm:
    return Alarm(f"a-{name}", KEY, name, PATH, owner, excess)


def test_a_key_and_the_groups_above_are_one_alarm_with_the_member() -> None:
    alarms = [group("eng", 120), group("web", 110, "eng"), member("mia", 100), key("k1", "mia", 100)]
    assert folded(alarms) == {"a-eng": "a-mia", "a-web": "a-mia", "a-k1": "a-mia"}


def test_a_key_is_an_alarm_by_itself_if_its_member_has_none() -> None:
    assert folded([key("k1", "mia", 100), member("leo", 100)]) == {}


def test_a_group_is_not_explained_by_less_than_half() -> None:
    assert folded([group("web", 100, "eng"), member("mia", 49)]) == {"a-mia": "a-web"}
    assert folded([group("web", 100, "eng"), member("mia", 50)]) == {"a-web": "a-mia"}
    assert folded([group("web", 100, "eng"), member("zoe", 100, ("sales",))]) == {}


def test_a_burst_of_a_group_explains_its_members_and_the_groups_above() -> None:
    alarms = [
        group("eng", 110),
        group("web", 100, "eng"),
        *(member(f"m{one}", 20) for one in range(4)),
        key("k", "m1", 9),
    ]
    assert folded(alarms) == {
        "a-eng": "a-web", "a-m0": "a-web", "a-m1": "a-web", "a-m2": "a-web", "a-m3": "a-web", "a-k": "a-web",
    }  # fmt: skip


def test_a_member_who_explains_a_larger_group_keeps_the_alarm_of_it() -> None:
    alarms = [group("eng", 500), group("web", 1_000, "eng"), *(member(f"m{one}", 260) for one in range(3))]
    assert folded(alarms)["a-eng"] == "a-web"
    assert "a-web" not in folded(alarms)


def test_nothing_explains_nothing() -> None:
    assert folded([]) == {}
