"""A test runs every command that a page shows, or this module lists the reason why not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.analytics.__main__ import argument_parser as analytics_parser
from benchmarks.gateway.__main__ import argument_parser
from tests.support.repository import ROOT
from tests.unit.test_documentation import PAGES
from tools.pages.commands import command_page

RUN = {
    "README.md": "tests/e2e/docs/test_readme.py",
    "docs/start/tour.md": "tests/e2e/docs/test_readme.py",
    "docs/start/first-organization.md": "tests/e2e/docs/test_admin_guide.py",
    "docs/guides/admin-api.md": "tests/e2e/docs/test_readme.py",
    "docs/guides/audit.md": "tests/e2e/docs/test_readme.py",
    "docs/guides/usage.md": "tests/e2e/docs/test_readme.py",
    "docs/guides/alerts.md": "tests/e2e/docs/test_readme.py",
    "docs/guides/live-configuration.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/operators.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/own-keys.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/people.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/calling-models.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/routing.md": "tests/e2e/docs/test_guides.py",
    "docs/guides/command-line.md": "tests/e2e/docs/test_command_line.py",
    "docs/guides/sign-in.md": "tests/e2e/docs/test_sign_in_guide.py",
    "docs/guides/scim.md": "tests/e2e/docs/test_guides.py",
}
_OF_KUBERNETES = "`tests/deploy` runs it in a folder of its own"
NOT_RUN = {
    "python -m gateway_core.schema": "`./dev up` runs it, and so does every end-to-end test",
    "python -m admin_service.analytics.anomalies": "a unit test runs it on files of its own",
    "python -m admin_service.analytics.exports": "the contract test of its command line runs it on its own data",
    "python -m usage_service.stored_objects": "the contract test of registrations runs it on its own data",
    "python -m usage_service.rollups": "the contract test of rebuilds runs it on its own data",
    "megarouter-admin doctor": "the contract test of the doctor runs it on its own databases",
    "python -m benchmarks.capacity": "its unit tests run it",
    "PGUSER=owner base-backup.sh": "`tests/faults` backs up a real server with it",
    "restore.sh": "`tests/faults` restores a real server with it",
    "sudo install --directory": "makes a folder of the host that containers see",
    "mv /var/lib/postgresql": "needs Docker; `tests/faults` does the same to a real server",
    "install --directory --owner postgres": "needs Docker; `tests/faults` does the same to a real server",
    "gosu postgres": "needs Docker; `tests/faults` restores a real server with the script",
    "cd deploy/compose": "goes to the folder of the following commands",
    "docker build": "needs Docker; the images were built with it from the same file",
    "sudo ./make-secrets.sh": "a test of `tests/deploy` runs it on a copy",
    "sudo chown": "gives files of the host to the user of containers",
    "sudo docker compose": "needs Docker; `tests/deploy` checks the file",
    "kubectl": "needs a cluster; `tests/deploy` runs those that create something, and checks the names in all others",
    "helm": "needs a cluster; `tests/deploy` renders the chart with the same arguments",
    "for key in": _OF_KUBERNETES,
    "for service in": _OF_KUBERNETES,
    "for file in": _OF_KUBERNETES,
    "database=": _OF_KUBERNETES,
    'printf %s "postgresql': _OF_KUBERNETES,
    'printf %s "rediss': _OF_KUBERNETES,
    "./dev bench": "takes minutes; its options are checked below",
    "./dev console": "a test makes the same link and opens it; `tests/browser` builds the console",
    "./dev lint": "CI runs it in addition to the suite",
    "./dev protos": "writes into the repository; its options are checked below, and tests run its checks",
    "./dev route-eval": "its tests run it on the sample and on outcomes of their own",
    "./dev sdk": "the end-to-end tests build the same packages; its options are checked below",
    "./dev vulnerabilities": "asks an index over the network; tests run it with an index of their own",
    "./dev test": "is the suite itself; its paths are checked below",
    "PATH=": "fuzzes for a minute with a package that is installed only for it",
    "export GOPROXY=": "`./dev sdk --test go` downloads the module from the same folder",
    "go get": "`./dev sdk --test go` downloads the module from the same folder",
    "npm install": "the end-to-end tests install the same package into a separate project",
    "pip install": "the end-to-end tests install the same package into a separate environment",
    ".venv/bin/python -m tests.fuzz": "fuzzes for minutes; a test runs it for a shorter time",
    "set -a; . .run/env": "sets variables for the following example",
}


def commands() -> Iterator[tuple[str, str]]:
    """Yields the page and the line of every command, without its comment."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in filter(None, map(str.strip, block.splitlines())):
                yield page.relative_to(ROOT).as_posix(), re.split(r"\s+# ", line)[0]


def test_every_command_is_run_or_has_a_reason() -> None:
    left = [command for page, command in commands() if page not in RUN]
    assert [command for command in left if not command.startswith(tuple(NOT_RUN))] == []
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in left)] == []


@pytest.mark.parametrize(("page", "test"), RUN.items())
def test_the_test_that_runs_a_page_names_it(page: str, test: str) -> None:
    text = (ROOT / test).read_text(encoding="utf-8")
    assert page in text or f'"{Path(page).name}"' in text


@pytest.mark.parametrize("command", sorted({line for _, line in commands() if re.match(r"\./dev \w+ .*--", line)}))
def test_the_options_of_a_command_exist(command: str) -> None:
    name = command.split()[1]
    parser = analytics_parser if command.startswith("./dev bench analytics") else argument_parser
    known = (
        parser().format_help()
        if name == "bench"
        else command_page().partition(f"### ./dev {name}\n")[2].split("\n### ")[0]
    )
    assert [option for option in re.findall(r"(--[a-z-]+)", command) if option not in known] == []


@pytest.mark.parametrize("path", sorted({path for _, line in commands() for path in re.findall(r" (tests/\S+)", line)}))
def test_a_path_of_the_suite_exists(path: str) -> None:
    assert (ROOT / path).exists()
