"""The demo company: its groups, people and service accounts, the same for the same seed and days."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Role
from admin_service.demo.content import GROUPS, ORGANIZATION, DemoGroup, DemoGuardrail
from deploy.local.demo_data.habits import CODERS, DESK, HABITS_OF_ACCOUNTS, LEARNERS, ONE_MODEL, RESEARCHERS, Habit
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT as CREDIT
from gateway_core.model.organization.scopes import Scope, ScopeKind

MORE_GROUPS: Final = (
    DemoGroup(("engineering", "platform", "inference", "serving"), "Serving"),
    DemoGroup(("engineering", "platform", "data"), "Data"),
    DemoGroup(("engineering", "platform", "data", "pipelines"), "Pipelines"),
    DemoGroup(("engineering", "product", "web"), "Web"),
    DemoGroup(("engineering", "security"), "Security"),
    DemoGroup(("sales", "americas"), "Americas"),
    DemoGroup(("sales", "apac"), "APAC"),
    DemoGroup(("sales", "emea", "nordics"), "Nordics"),
    DemoGroup(("support",), "Support"),
    DemoGroup(("support", "frontline"), "Frontline"),
    DemoGroup(("support", "escalations"), "Escalations"),
    DemoGroup(("marketing",), "Marketing"),
    DemoGroup(("marketing", "content"), "Content"),
    DemoGroup(("marketing", "growth"), "Growth"),
    DemoGroup(("operations",), "Operations"),
    DemoGroup(("operations", "finance"), "Finance"),
    DemoGroup(("operations", "legal"), "Legal"),
    DemoGroup(("operations", "people"), "People"),
    DemoGroup(("research",), "Research"),
    DemoGroup(("research", "language"), "Language"),
    DemoGroup(("research", "vision"), "Vision"),
)
"""Beside the groups of a new demo organization."""
PATH_OF: Final = {group.group_id: group.path for group in (*GROUPS, *MORE_GROUPS)}

_STAFF: Final = (
    ("serving", 9, CODERS), ("evaluation", 7, CODERS), ("data", 8, CODERS), ("pipelines", 9, CODERS), ("web", 14, CODERS),
    ("mobile", 12, CODERS), ("product", 9, DESK), ("security", 6, CODERS), ("americas", 10, DESK), ("apac", 8, DESK),
    ("dach", 9, DESK), ("nordics", 6, DESK), ("frontline", 20, DESK), ("escalations", 7, CODERS), ("content", 9, DESK),
    ("growth", 8, DESK), ("finance", 7, LEARNERS), ("legal", 5, DESK), ("people", 6, LEARNERS), ("language", 11, RESEARCHERS),
    ("vision", 9, RESEARCHERS),
)  # fmt: skip
"""How many people each group has, and how they work. With the eleven of a new demo organization they are 200."""
_LEADERS: Final = {
    "serving": Role.SUB_ADMIN, "web": Role.SUB_ADMIN, "frontline": Role.SUB_ADMIN, "content": Role.SUB_ADMIN,
    "finance": Role.SUB_ADMIN, "language": Role.SUB_ADMIN,
}  # fmt: skip
_SEEDED: Final = (
    ("emma", "evaluation", "emma-default", LEARNERS), ("olivia", None, "olivia-admin", LEARNERS),
    ("liam", "engineering", "liam-engineering", DESK), ("noah", "platform", "noah-platform", CODERS),
    ("jonas", "sales", "jonas-sales", DESK), ("sofia", "emea", "sofia-one-model", ONE_MODEL),
)  # fmt: skip
"""Those of a new demo organization whose keys work. The other keys show refusals."""

GUARDRAILS: Final = (
    DemoGuardrail(Scope(ScopeKind.GROUP, "marketing"), budget_nano_credits=5 * CREDIT, cycle=Cycle.MONTHLY),
    DemoGuardrail(Scope(ScopeKind.GROUP, "support"), budget_nano_credits=40 * CREDIT, cycle=Cycle.MONTHLY),
    DemoGuardrail(Scope(ScopeKind.GROUP, "operations"), budget_nano_credits=6 * CREDIT, cycle=Cycle.MONTHLY),
    DemoGuardrail(Scope(ScopeKind.GROUP, "research"), budget_nano_credits=60 * CREDIT, cycle=Cycle.MONTHLY),
)
SOFT_BUDGET_PERCENT: Final = 80
"""The budgets of `GUARDRAILS` are reported when this much of them is spent."""

_FIRST_NAMES: Final = (
    "Ada", "Aisha", "Alma", "Amir", "Anders", "Anja", "Anton", "Aylin", "Bea", "Bruno", "Carla", "Chen", "Clara",
    "Dario", "David", "Dilan", "Edda", "Elif", "Elena", "Emil", "Enzo", "Erik", "Esra", "Eva", "Farid", "Finn",
    "Freya", "Georg", "Greta", "Hana", "Hugo", "Ida", "Ines", "Ivan", "Jana", "Jin", "Joel", "Julia", "Kaan",
    "Karim", "Katja", "Lars", "Leon", "Lina", "Luca", "Maja", "Malik", "Marie", "Mats", "Meike", "Milan", "Nadia",
    "Nils", "Nora", "Omar", "Oskar", "Paula", "Petra", "Pia", "Rafael", "Rosa", "Samir", "Sara", "Selin", "Simon",
    "Stella", "Sven", "Tara", "Tim", "Uta", "Vera", "Yara",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Albrecht", "Andersen", "Aydin", "Bauer", "Becker", "Bianchi", "Braun", "Costa", "Demir", "Dubois", "Engel",
    "Ferrari", "Franke", "Garcia", "Haas", "Hansen", "Hoffmann", "Ito", "Jansen", "Kaya", "Keller", "Kim", "Klein",
    "Koch", "Kowalski", "Kumar", "Lange", "Larsen", "Lehmann", "Lopez", "Maier", "Martens", "Meyer", "Moreno",
    "Nguyen", "Novotny", "Okoye", "Olsen", "Ozturk", "Park", "Patel", "Peeters", "Petrov", "Pohl", "Ricci",
    "Richter", "Roth", "Santos", "Sato", "Schmitz", "Schulz", "Silva", "Singh", "Sommer", "Stein", "Tanaka", "Vogel",
    "Wagner", "Winter", "Yilmaz",
)  # fmt: skip
_WORKS_ELSEWHERE_LATER: Final = 4
_JOIN_LATER, _LEAVE_EARLIER = 0.22, 0.07
_VACATIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and the days on which it is used."""

    key_id: str
    first: dt.date
    last: dt.date | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or a service account with its keys. Dates are local days."""

    member_id: str
    display_name: str
    role: Role
    places: tuple[tuple[dt.date, str | None], ...]
    """The groups, each from a day on; None for the organization itself."""
    joined: dt.date
    left: dt.date | None
    """The first day on which they were gone; None while they are here."""
    keys: tuple[Key, ...]
    habit: Habit
    eagerness: float
    """How much more than others of this habit they call."""
    absences: tuple[tuple[dt.date, dt.date], ...] = ()
    """First and last days of vacations."""
    is_seeded: bool = False
    """Whether a new demo organization has them already."""

    @property
    def is_service_account(self) -> bool:
        """Whether this is no person."""
        return self.member_id.startswith("sa-")

    def path_on(self, day: dt.date) -> tuple[str, ...]:
        """Returns the path of the group on a day."""
        group = next(group for since, group in reversed(self.places) if since <= day or since == self.places[0][0])
        return PATH_OF[group] if group else ()

    def key_on(self, day: dt.date) -> str:
        """Returns the key that is used on a day."""
        return next(key.key_id for key in self.keys if key.last is None or day <= key.last)

    def is_there(self, day: dt.date) -> bool:
        """Returns whether they work for the company and are not on vacation."""
        if day < self.joined or (self.left is not None and day >= self.left):
            return False
        return not any(first <= day <= last for first, last in self.absences)


@dataclass(frozen=True, slots=True)
class Company:
    """Everybody who calls."""

    callers: tuple[Caller, ...]

    def caller(self, member_id: str) -> Caller:
        """Returns the caller with this id."""
        return next(caller for caller in self.callers if caller.member_id == member_id)

    def first_of(self, group: str) -> Caller:
        """Returns the person of a group who has been there longest."""
        return next(caller for caller in self.callers if caller.places[0][1] == group and not caller.is_seeded)


def user_id(member_id: str) -> str:
    """Returns the id of a member's user."""
    return f"{ORGANIZATION}-{member_id}"


def make_company(randomness: random.Random, first: dt.date, end: dt.date, theft: dt.date) -> Company:
    """Makes the company.

    Args:
        randomness: decides names, eagerness, vacations, and who joins, leaves and moves.
        first: the first day.
        end: the day after the last day.
        theft: the day after which a stolen key is disabled.
    """
    names = _names(randomness)
    people: list[Caller] = []
    for group, count, habit in _STAFF:
        for number in range(count):
            role = _LEADERS.get(group, Role.MEMBER) if number == 0 else Role.MEMBER
            people.append(_person(randomness, next(names), group, role, habit, number, (first, end, theft)))
    movers = randomness.sample(
        [n for n, one in enumerate(people) if one.left is None and one.joined == first], _WORKS_ELSEWHERE_LATER
    )
    for number in movers:
        people[number] = _moved(randomness, people[number], first, end)
    seeded = tuple(
        Caller(
            member_id,
            "",
            Role.MEMBER,
            ((first, group),),
            first,
            None,
            (Key(key_id, first),),
            habit,
            1.0,
            is_seeded=True,
        )
        for member_id, group, key_id, habit in _SEEDED
    )
    accounts = tuple(
        Caller(
            member_id, name, Role.MEMBER, ((first, group),), first, None, (Key(f"{member_id}-key", first),), habit, 1.0
        )
        for member_id, name, group, habit in HABITS_OF_ACCOUNTS
    )
    return Company((*seeded, *people, *accounts))


def _names(randomness: random.Random) -> Iterator[tuple[str, str]]:
    pairs = [(given, family) for given in _FIRST_NAMES for family in _LAST_NAMES]
    randomness.shuffle(pairs)
    return iter(pairs)


def _person(
    randomness: random.Random,
    name: tuple[str, str],
    group: str,
    role: Role,
    habit: Habit,
    number: int,
    days: tuple[dt.date, dt.date, dt.date],
) -> Caller:
    first, end, theft = days
    span = (end - first).days
    joined, left = first, None
    is_lead = number == 0
    if not is_lead and span > 7 and randomness.random() < _JOIN_LATER:
        joined = first + dt.timedelta(days=randomness.randrange(1, span * 9 // 10))
    elif not is_lead and span > 7 and randomness.random() < _LEAVE_EARLIER:
        left = first + dt.timedelta(days=randomness.randrange(span // 5, span))
    member_id = f"{name[0]}-{name[1]}".lower()
    keys: tuple[Key, ...] = (Key(f"{member_id}-key", joined),)
    if group == "web" and is_lead and first <= theft < end:
        # Its key is stolen.
        keys = (
            Key(f"{member_id}-key", first, theft, is_disabled=True),
            Key(f"{member_id}-key-2", theft + dt.timedelta(days=1)),
        )
    absences = tuple(_vacation(randomness, first, span) for _ in range(_VACATIONS * span // 365))
    return Caller(
        member_id, " ".join(name), role, ((joined, group),), joined, left, keys, habit,
        randomness.lognormvariate(0, 0.6), absences,
    )  # fmt: skip


def _vacation(randomness: random.Random, first: dt.date, span: int) -> tuple[dt.date, dt.date]:
    begins = first + dt.timedelta(days=randomness.randrange(span))
    return begins, begins + dt.timedelta(days=randomness.randrange(6, 15))


def _moved(randomness: random.Random, person: Caller, first: dt.date, end: dt.date) -> Caller:
    groups: Sequence[str] = [group for group, _, _ in _STAFF if group != person.places[0][1]]
    day = first + dt.timedelta(days=randomness.randrange(1, (end - first).days))
    return Caller(
        person.member_id, person.display_name, Role.MEMBER, (*person.places, (day, randomness.choice(groups))),
        person.joined, None, person.keys, person.habit, person.eagerness, person.absences,
    )  # fmt: skip
