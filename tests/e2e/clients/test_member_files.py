"""`megarouter members import` and `members export` in a new organization of the running stack."""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from megarouter_admin import MegaRouter
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.people import member_files
from megarouter_admin.command_line.session import Session

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.docs.test_command_line import megarouter

Run = Callable[..., "CompletedProcess[str]"]
PEOPLE = """\ufeffE-Mail;Name;Team;Role;Budget;Cycle;RPM;Models\r
ada@people.example;"Ada, Countess";Research/Engines;sub-admin;25.50;monthly;60;gpt-4o-mini openai/*\r
carl@people.example;"Carl
Gauss";Research;;;;;\r
olivia@acme.example;Olivia;;super-admin;;;;\r
"""


@pytest.fixture(scope="module")
def organization(stack: Stack) -> Iterator[str]:
    made = megarouter(stack, "organizations", "create", "People Ltd.", "--json")
    name = json.loads(made.stdout)["name"]
    yield name
    assert megarouter(stack, "organizations", "delete", "--yes", MEGAROUTER_ORGANIZATION=name).returncode == 0


@pytest.fixture
def run(stack: Stack, organization: str) -> Run:
    def command(*arguments: str) -> "CompletedProcess[str]":
        return megarouter(stack, *arguments, MEGAROUTER_ORGANIZATION=organization)

    return command


def lines(result: "CompletedProcess[str]") -> dict[int, tuple[str, str]]:
    """The action and the details by line of the file."""
    assert result.stdout, result.stderr
    return {one["line"]: (one["action"].removeprefix("ACTION_"), one["message"]) for one in json.loads(result.stdout)}


def test_a_file_is_rehearsed_imported_and_imported_again(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(PEOPLE.encode())
    refused = run("members", "import", str(file), "--dry-run")
    assert refused.returncode == 1
    assert "2 of 3 rows have errors; nothing was changed" in refused.stderr
    assert "there is no group 'Research/Engines'" in refused.stdout
    rehearsal = run("members", "import", str(file), "--dry-run", "--create-groups")
    assert rehearsal.returncode == 0, rehearsal.stderr
    assert "2 invite, 0 change, 1 nothing, 0 error" in rehearsal.stderr
    assert "names are not imported" in rehearsal.stderr
    assert "mri-" not in rehearsal.stdout
    assert "Research" not in run("groups", "tree").stdout
    asked = run("members", "import", str(file), "--create-groups")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    done = run("members", "import", str(file), "--create-groups", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mri-") == 2
    assert "budget 25.50" in done.stdout
    assert "Engines" in run("groups", "tree").stdout
    again = run("members", "import", str(file))
    assert (again.returncode, again.stdout) == (0, "")
    assert "0 invite, 0 change, 3 nothing, 0 error" in again.stderr


def test_errors_name_their_line_and_change_nothing_unless_skipped(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        'address,role,budget,group\nnew-1@people.example,,,\n"not an\naddress",,,\nnew-2@people.example,chief,,\n'
        "new-3@people.example,,ten,\nNEW-1@people.example,,,\nnew-4@people.example,sub-admin,,\n",
        encoding="utf-8",
    )
    result = run("members", "import", str(file), "--json")
    assert result.returncode == 1
    found = lines(result)
    assert {line: action for line, (action, _) in found.items()} == {
        2: "INVITE", 3: "ERROR", 5: "ERROR", 6: "ERROR", 7: "ERROR", 8: "ERROR",
    }  # fmt: skip
    assert found[5][1].startswith("role: 'chief' is no role: write super-admin")
    assert found[6][1].startswith("budget: 'ten' is not an amount")
    assert found[7][1] == "address: is also on line 2; keep one of them"
    assert "SUB_ADMIN" in found[8][1]
    assert "new-1" not in run("invites", "list").stdout
    skipped = run("members", "import", str(file), "--skip-errors", "--yes")
    assert skipped.returncode == 1
    assert "5 of 6 rows have errors and were left out" in skipped.stderr
    assert "new-1@people.example" in run("invites", "list").stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name\nEmma\n", "no column address"), (b"address\n", "no rows after its header"), (b"\xff\xfa", "not UTF-8")],
)
def test_a_file_that_is_no_table_is_misuse(run: Run, tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    result = run("members", "import", str(file))
    assert (result.returncode, message in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert run("members", "import", str(tmp_path / "none.csv")).returncode == 2


def test_importing_an_export_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """The demo organization has members of every role, groups of four levels and limits."""
    file = tmp_path / "export.csv"
    assert megarouter(stack, "members", "export", "--out", str(file)).returncode == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    assert len(rows) > 5
    assert any(row["budget"] for row in rows)
    assert any(row["group"].count("/") == 3 for row in rows)
    result = megarouter(stack, "members", "import", str(file), "--json")
    assert result.returncode == 0, result.stderr
    assert {action for action, _ in lines(result).values()} == {"NONE"}
    assert megarouter(stack, "members", "export").stdout == file.read_text(encoding="utf-8")


def test_a_failure_between_two_calls_says_which_lines_are_done_and_loses_no_invite(
    stack: Stack,
    organization: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With two rows per call, the second call fails: a row of it is spoiled. Seen to fail when the invites of the first call were
    shown only at the end.
    """
    monkeypatch.setattr(member_files, "ROWS_PER_CALL", 2)
    file = tmp_path / "people.csv"
    file.write_text("address\n" + "".join(f"batch-{number}@people.example\n" for number in range(4)), encoding="utf-8")
    url, token = stack.environment["MEGAROUTER_ADMIN_URL"], stack.environment["MEGAROUTER_ADMIN_TOKEN"]
    with MegaRouter(url, token) as router:
        session = Session(router, organization, Output(json=True), dt.datetime.now(dt.UTC))
        calls = 0
        answered = member_files._answered

        def failing(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 4:  # two rehearsals, one import, then this one
                arguments[2][0].row.email = "spoiled"  # type: ignore[index] # the batch
            return answered(*arguments)  # type: ignore[arg-type] # as called

        monkeypatch.setattr(member_files, "_answered", failing)
        with pytest.raises(CommandError, match="lines up to 3 are done, and nothing from line 4 on"):
            member_files.import_members(session, file, links_out=tmp_path / "links.csv", yes=True)
    shown = [one["token"] for one in json.loads(capsys.readouterr().out)]
    assert [token[:4] for token in shown] == ["mri-", "mri-"]
    again = ("members", "import", str(file), "--json", "--yes", "--links-out", str(tmp_path / "links.csv"))
    result = megarouter(stack, *again, MEGAROUTER_ORGANIZATION=organization)
    assert [action for _, (action, _) in sorted(lines(result).items())] == ["NONE", "NONE", "INVITE", "INVITE"]
    with (tmp_path / "links.csv").open(encoding="utf-8", newline="") as kept:
        found = [(row["address"], row["invite"]) for row in csv.DictReader(kept)]
    assert [address for address, _ in found] == [f"batch-{number}@people.example" for number in range(4)]
    assert [invite.rpartition("#")[2] for _, invite in found[:2]] == shown
    assert (tmp_path / "links.csv").stat().st_mode & 0o777 == 0o600


def test_a_file_for_invites_that_cannot_be_used_stops_the_import_before_any_change(run: Run, tmp_path: Path) -> None:
    file, readable = tmp_path / "people.csv", tmp_path / "links.csv"
    file.write_text("address\nnever@people.example\n", encoding="utf-8")
    readable.touch(mode=0o644)
    for links, message in ((readable, "others may read"), (tmp_path / "none" / "links.csv", "cannot write")):
        refused = run("members", "import", str(file), "--yes", "--links-out", str(links))
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr
    assert "never@people.example" not in run("invites", "list").stdout
