"""Which identity provider `megarouter login` chooses of those that an address announces."""

import pytest
from megarouter_admin.command_line.resources.caller.login import _application
from megarouter_admin.command_line.sign_in.announced import Announced, chosen
from megarouter_admin.command_line.sign_in.records import Application

STAFF, PARTNERS = Announced("https://id.example", "cli"), Announced("https://partners.example", "")
NOTHING = Application("", "")


def never() -> tuple[Announced, ...]:
    raise AssertionError("nothing is missing")


def test_the_only_provider_with_an_application_is_chosen() -> None:
    assert chosen([PARTNERS, STAFF], "") == STAFF


def test_of_several_with_an_application_the_person_chooses() -> None:
    with pytest.raises(ValueError, match=r"--issuer: https://id\.example, https://other\.example"):
        chosen([STAFF, PARTNERS, Announced("https://other.example", "cli")], "")


def test_a_single_provider_without_an_application_still_names_the_issuer() -> None:
    with pytest.raises(ValueError, match="give --client-id,"):
        _application(None, NOTHING, None, lambda: (PARTNERS,))


def test_an_address_that_announces_nothing_needs_the_options() -> None:
    with pytest.raises(ValueError, match="give --issuer and --client-id"):
        _application(None, NOTHING, None, tuple)


def test_options_precede_what_is_remembered_and_that_precedes_what_is_announced() -> None:
    earlier = Application("https://earlier.example", "before", ("groups",))
    assert _application(earlier, NOTHING, None, never) == earlier
    assert _application(earlier, Application("", "other"), None, never).client_id == "other"
    assert _application(earlier, Application(STAFF.issuer, "own"), None, never) == Application(STAFF.issuer, "own")
    assert _application(earlier, Application(STAFF.issuer, ""), None, lambda: (STAFF,)) == Application(
        STAFF.issuer, "cli"
    )
    assert _application(None, NOTHING, ["groups"], lambda: (STAFF,)) == Application(STAFF.issuer, "cli", ("groups",))
