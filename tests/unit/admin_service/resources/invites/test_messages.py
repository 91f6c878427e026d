"""Invites as messages."""

from admin_service.resources.invites.messages import invite_link


def test_the_token_stands_behind_the_hash_which_browsers_send_to_no_server() -> None:
    assert invite_link("https://console.example/invites", "mri-token") == "https://console.example/invites#mri-token"


def test_without_a_page_for_invites_there_is_no_link() -> None:
    assert invite_link(None, "mri-token") == ""
