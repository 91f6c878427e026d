"""Commands of `megarouter` that change resources, run in a new organization."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.docs.test_command_line import megarouter

Run = Callable[..., "CompletedProcess[str]"]

STORY = [
    ("credits top-up 100 --reason start", "balance  100.00 credits"),
    ("credits line", "remaining    900.00 credits"),
    ("credits top-up 901 --reason more", "state      pending"),
    ("credits requests", "pending"),
    ("credits adjust -5 --reason correction --yes", "adjusted  -5.00 credits"),
    ("credits refund 2 --reason returned --yes", "balance   93.00 credits"),
    ("credits transactions --limit 1", "refund    -2.00"),
    ("credits transactions --oldest-first --limit 1", "top-up   100.00"),
    ("credits transaction 3", "top-ups      2.00"),
    ("groups create Europe --id europe", "path     europe"),
    ("groups create Germany --id germany", "level    1"),
    ("groups rename germany Deutschland", "name     Deutschland"),
    ("groups move germany --to europe --yes", "path     europe > germany"),
    ("groups show germany", "level    2"),
    ("tokens create Report --permission api_keys:read --expires 30d", "api_keys:read"),
    ("tokens list", "Report"),
    ("keys create Notebook --id notebook", "secret"),
    ("keys show notebook", "name      Notebook"),
    ("keys rotate notebook --yes", "earlier secret ends"),
    ("audit list --limit 1", "RotateApiKey"),
    ("groups tree", "└─ Deutschland  germany"),
    ("members list", "super-admin"),
    ("models list", "gpt-4o-mini"),
    ("organizations suspend --yes", "state           suspended"),
    ("organizations resume", "state           active"),
    ("organizations delete --yes", "state           deleted"),
    ("organizations undelete", "state           active"),
    ("organizations update --billing-email billing@example.com", "billing contact  billing@example.com"),
    ("credits invoice 500 --price 499.90 --currency EUR", "goes to  billing@example.com"),
    ("credits invoices", "499.90 EUR"),
]
IN_ACME = [
    ("members suspend lena", "state   suspended"),
    ("members resume lena", "state   active"),
    ("members role lena --role sub-admin --group dach --yes", "role    sub-admin"),
    ("members role lena --role member --group dach --yes", "role    member"),
]


@pytest.fixture(scope="module")
def run(stack: Stack) -> Iterator[Run]:
    """Returns a function that runs a command line in a new organization."""
    made = megarouter(stack, "organizations", "create", "Command Line Ltd.", "--json")
    name = json.loads(made.stdout)["name"]
    assert megarouter(stack, "operator", "credit-line", name, "1000").returncode == 0

    def command(line: str, **variables: str) -> "CompletedProcess[str]":
        return megarouter(stack, *line.split(), **{"MEGAROUTER_ORGANIZATION": name, **variables})

    yield command
    assert command("organizations delete --yes").returncode == 0


def test_an_organization_is_managed_by_commands(run: Run) -> None:
    for line, shown in STORY:
        result = run(line)
        assert result.returncode == 0, (line, result.stderr)
        assert shown in result.stdout, (line, result.stdout)


def test_members_are_changed_by_commands(stack: Stack) -> None:
    for line, shown in IN_ACME:
        result = megarouter(stack, *line.split())
        assert result.returncode == 0, (line, result.stderr)
        assert shown in result.stdout, (line, result.stdout)


def test_an_invite_is_revoked(run: Run) -> None:
    made = run("invites create --role member --email no-one@example.com --json")
    name = json.loads(made.stdout)["invite"]["name"].rpartition("/")[2]
    assert "state   revoked" in run(f"invites revoke {name} --yes").stdout
    assert "revoked" in run("invites list").stdout


def test_an_irreversible_command_asks_for_confirmation(run: Run) -> None:
    """Without a terminal, the command changes nothing."""
    before = run("credits balance").stdout
    refused = run("credits refund 1 --reason returned")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert run("credits balance").stdout == before


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "groups move dach --to engineering",
            (
                "sales > emea > dach",
                "engineering > dach",
                "1 member, with their keys",
                "no longer limited or managed by  sales, emea",
            ),
        ),
        (
            "members role lena --role sub-admin",
            ("from      member in dach", "then may  manage everything in and below dach"),
        ),
        ("keys rotate emma-default --overlap 0", ("owner           Emma Fischer", "is refused at once")),
        ("keys transfer emma-default --to lena", ("from            Emma Fischer", "whoever knows it can go on")),
    ],
)
def test_a_far_reaching_command_shows_its_effect_and_asks(stack: Stack, line: str, shown: tuple[str, ...]) -> None:
    """Without a terminal, the command changes nothing."""
    entries = changes(stack)
    refused = megarouter(stack, *line.split())
    assert (refused.returncode, refused.stdout) == (2, "")
    assert all(text in refused.stderr for text in (*shown, "--yes")), refused.stderr
    assert changes(stack) == entries


def test_a_change_is_shown_with_every_field_before_and_after(run: Run) -> None:
    assert run("organizations update --name Renamed").returncode == 0
    (entry,) = json.loads(run("audit list --limit 1 --json").stdout)
    shown = run(f"audit show {entry['name']}").stdout
    assert re.search(r"display name +.+ → Renamed", shown), shown
    assert "UpdateOrganization" in shown


def changes(stack: Stack) -> list[str]:
    return [entry["name"] for entry in json.loads(megarouter(stack, "audit", "list", "--json").stdout)]


def test_a_revoked_token_is_shown_as_such(run: Run) -> None:
    made = json.loads(run("tokens create Nightly --json").stdout)
    token = made["accessToken"]["name"].rpartition("/")[2]
    assert re.search(r"state +revoked", run(f"tokens revoke {token} --yes").stdout)
    refused = run("tokens create Nightly --permission api_keys:fly")
    assert (refused.returncode, "api_keys:fly" in refused.stderr) == (2, True)


def test_a_created_organization_is_the_current_account(stack: Stack) -> None:
    made = megarouter(stack, "organizations", "create", "Current Ltd.", "--json")
    name = json.loads(made.stdout)["name"]
    assert f"{name} is your current account now" in made.stderr
    assert "commands still use organizations/acme" in made.stderr
    assert name in megarouter(stack, "whoami", MEGAROUTER_ORGANIZATION="").stdout
    assert megarouter(stack, "organizations", "delete", name, "--yes").returncode == 0


def test_a_token_is_read_from_a_file(run: Run, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(stack.environment["MEGAROUTER_ADMIN_TOKEN"] + "\n", encoding="utf-8")
    assert "acme" in run(f"accounts list --token-file {file}", MEGAROUTER_ADMIN_TOKEN="").stdout
    without = run("accounts list", MEGAROUTER_ADMIN_TOKEN="")
    assert without.returncode == 2
    assert "MEGAROUTER_ADMIN_TOKEN" in without.stderr


def test_an_account_is_made_the_current_one(run: Run, stack: Stack) -> None:
    account = stack.environment["MEGAROUTER_ORGANIZATION"]
    assert account in run(f"accounts switch {account}").stdout
    row = next(line for line in run("accounts list").stdout.splitlines() if line.startswith("acme "))
    assert row.rstrip().endswith("yes")


def test_an_invite_for_a_member_is_refused_with_the_role_change(stack: Stack) -> None:
    refused = megarouter(
        stack, *["invites", "create", "--role", "sub-admin", "--group", "dach", "--email", "lena@acme.example"]
    )
    assert refused.returncode == 1
    assert "organizations/acme/members/lena, with the role MEMBER" in refused.stderr
    assert "megarouter members role" in refused.stderr


def test_deleted_keys_are_listed_with_the_name_of_their_member(stack: Stack) -> None:
    assert megarouter(stack, *["keys", "create", "Gone", "--id", "gone-key", "--member", "lena"]).returncode == 0
    assert megarouter(stack, *["keys", "delete", "gone-key", "--yes"]).returncode == 0
    assert "gone-key" not in megarouter(stack, "keys", "list").stdout
    (line,) = [one for one in megarouter(stack, "keys", "list", "--deleted").stdout.splitlines() if "gone-key" in one]
    assert "deleted" in line
    assert "Lena Kovacs" in line
    entry = megarouter(stack, *["audit", "list", "--limit", "1"]).stdout
    assert "DeleteApiKey" in entry


def test_an_owner_cannot_lift_what_an_admin_set(stack: Stack) -> None:
    for line, shown in (
        ("keys create Bound --id bound-key --member lena --expires 30d --budget 2 --cycle daily", "set above"),
        ("organizations require --key-life 90d --key-budget", "an expiry within 90 days, a budget"),
    ):
        result = megarouter(stack, *line.split())
        assert result.returncode == 0, result.stderr
        assert shown in result.stdout
    refused = megarouter(stack, *["keys", "create", "Poor", "--member", "lena"])
    assert "KEY_REQUIREMENT_UNMET" in refused.stderr
    assert megarouter(stack, *["organizations", "require", "--nothing"]).returncode == 0
