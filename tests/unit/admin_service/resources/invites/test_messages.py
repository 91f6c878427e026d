"""Conversion of invites to API messages."""

from admin_service.resources.invites.messages import invite_link


def test_the_token_is_in_the_fragment_which_browsers_do_not_send() -> None:
    assert invite_link("https://console.example/invites", "mri-token") == "https://console.example/invites#mri-token"


def test_an_invite_has_no_link_without_a_page() -> None:
    assert invite_link(None, "mri-token") == ""
