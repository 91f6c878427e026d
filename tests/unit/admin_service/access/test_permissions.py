"""The permission rule of the four roles, for every role and every place in the tree."""

import dataclasses
import itertools

import pytest

from admin_service.access.permissions import Actor, Permission, Role, Target, TargetKind, may, visibility

READ, DISABLE = Permission.API_KEYS_READ, Permission.API_KEYS_DISABLE


def belonging(member: str, role: Role, group_path: tuple[str, ...]) -> Target:
    """Returns a resource that belongs to a member."""
    return Target("acme", TargetKind.BELONGING, group_path, member, role)


# One actor of each role, in an organization with two branches.
ACTORS = {
    "super": Actor("acme", "super", Role.SUPER_ADMIN, ()),
    "l1": Actor("acme", "l1", Role.L1_ADMIN, ("eng",)),
    "sub": Actor("acme", "sub", Role.SUB_ADMIN, ("eng", "platform")),
    "member": Actor("acme", "member", Role.MEMBER, ("eng", "platform")),
}
OWNERS = {
    "self": None,  # the actor's own resources
    "super": belonging("boss", Role.SUPER_ADMIN, ()),
    "floating": belonging("floating", Role.MEMBER, ()),
    "l1 peer": belonging("peer", Role.L1_ADMIN, ("eng",)),
    "l1 sibling": belonging("sibling", Role.L1_ADMIN, ("sales",)),
    "member of eng": belonging("e", Role.MEMBER, ("eng",)),
    "sub peer": belonging("p", Role.SUB_ADMIN, ("eng", "platform")),
    "member of platform": belonging("m", Role.MEMBER, ("eng", "platform")),
    "sub below platform": belonging("s", Role.SUB_ADMIN, ("eng", "platform", "inference")),
    "member below platform": belonging("b", Role.MEMBER, ("eng", "platform", "inference", "evaluation")),
    "member of product": belonging("r", Role.MEMBER, ("eng", "product")),
    "member of sales": belonging("c", Role.MEMBER, ("sales",)),
    "member of a group with the same name in another place": belonging("d", Role.MEMBER, ("sales", "eng")),
}
ALL = set(OWNERS)
READABLE = {
    "super": ALL,
    "l1": ALL
    - {"super", "floating", "l1 sibling", "member of sales", "member of a group with the same name in another place"},
    "sub": {"self", "sub peer", "member of platform", "sub below platform", "member below platform"},
    "member": {"self"},
}
CHANGEABLE = {
    "super": ALL,
    "l1": READABLE["l1"] - {"l1 peer"},
    "sub": {"self", "member of platform", "member below platform"},
    "member": {"self"},
}


def target(actor: Actor, owner: str) -> Target:
    return OWNERS[owner] or belonging(actor.member, actor.role, actor.group_path)


@pytest.mark.parametrize(("who", "whose"), list(itertools.product(ACTORS, OWNERS)))
def test_reading_is_limited_to_the_actors_subtree(who: str, whose: str) -> None:
    assert may(ACTORS[who], READ, target(ACTORS[who], whose)) == (whose in READABLE[who])


@pytest.mark.parametrize(("who", "whose"), list(itertools.product(ACTORS, OWNERS)))
def test_changing_is_limited_to_lower_roles_in_the_actors_subtree(who: str, whose: str) -> None:
    assert may(ACTORS[who], DISABLE, target(ACTORS[who], whose)) == (whose in CHANGEABLE[who])


@pytest.mark.parametrize(("who", "whose"), list(itertools.product(ACTORS, OWNERS)))
def test_a_list_shows_exactly_the_readable_resources(who: str, whose: str) -> None:
    actor = ACTORS[who]
    owner = target(actor, whose)
    visible = visibility(actor)
    shown = owner.member == visible.member or (
        visible.group_path is not None and owner.group_path[: len(visible.group_path)] == visible.group_path
    )
    assert shown == may(actor, READ, owner)


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("permission", [Permission.CREDITS_READ, Permission.CREDITS_TOP_UP])
def test_only_super_and_level_1_admins_access_credit(who: str, permission: Permission) -> None:
    assert may(ACTORS[who], permission, Target("acme")) == (who in {"super", "l1"})


@pytest.mark.parametrize("who", ACTORS)
def test_no_role_reaches_another_organization(who: str) -> None:
    actor = ACTORS[who]
    foreign = [dataclasses.replace(target(actor, whose), organization="other") for whose in OWNERS]
    targets = [*foreign, Target("other")]
    assert not [(permission, one) for permission in Permission for one in targets if may(actor, permission, one)]


@pytest.mark.parametrize("role", [Role.L1_ADMIN, Role.SUB_ADMIN])
def test_an_admin_without_a_group_has_no_subtree(role: Role) -> None:
    stray = Actor("acme", "stray", role, ())
    assert not may(stray, READ, OWNERS["member of sales"] or Target("acme"))
    assert visibility(stray).group_path is None
