"""Whom the recipients of a rule stand for."""

from gateway_core.model.alerts.rules import Place, Recipient
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.recipients import Addressees, Admin, addressees

MIA = Place(Scope(ScopeKind.MEMBER, "mia"), ("research", "vision"), "mia", "Mia")


def test_admins_of_the_innermost_group_that_has_any_are_addressed() -> None:
    admins = [
        Admin("ada", "L1_ADMIN", "research"),
        Admin("sue", "SUPER_ADMIN", None),
        Admin("bob", "SUB_ADMIN", "sales"),
    ]
    to = [Recipient("GROUP_ADMINS"), Recipient("OWNER"), Recipient("CHANNEL", "ops")]
    found = addressees(to, MIA, admins)
    assert found == Addressees(frozenset({"ada", "mia"}), frozenset({"ops"}))
    nobody_inside = Place(Scope(ScopeKind.GROUP, "legal"), ("legal",))
    assert addressees(to, nobody_inside, admins).members == {"sue"}
