"""The table of third-party clients and their programs agree, so that a client that is rarely run does not rot."""

import re

import pytest

from tests.support.clients.table import FOLDER, Age, Client, Language, all_clients, versions_of

SDKS = [client for client in all_clients() if client.charged]


@pytest.mark.parametrize("client", SDKS, ids=str)
def test_a_program_has_the_steps_of_its_client(client: Client) -> None:
    suffix, function = (".py", "def") if client.language is Language.PYTHON else (".mjs", "function")
    source = (FOLDER / "programs" / f"{client.program}{suffix}").read_text(encoding="utf-8")
    defined = re.findall(rf"^(?:export )?(?:async )?{function} ([a-z]\w*)", source, re.MULTILINE)
    assert sorted(defined) == sorted([*client.charged, *client.free])


@pytest.mark.parametrize("name", sorted({client.name for client in SDKS}))
def test_an_sdk_has_an_old_and_a_new_version(name: str) -> None:
    assert [client.age for client in versions_of(name)] == [Age.OLDEST, Age.NEWEST]


@pytest.mark.parametrize("client", SDKS, ids=str)
def test_an_exception_is_named_for_every_refusal(client: Client) -> None:
    assert set(client.refusals) == {"unknown_model", "bad_key", "not_allowed", "budget_spent"}


def test_every_test_that_the_page_names_exists() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in tests] == []
