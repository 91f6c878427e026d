"""The other generated pages. Each lists everything in its source code."""

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from megarouter_envoy.replies.local_replies import CAUSES
from typer import Typer
from typer.testing import CliRunner

from deploy.local.cli.commands import application as dev
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.runtime.settings import PREFIX, SETTINGS_BY_SERVICE, ServiceSettings
from tests.support.checkout.observability_names import instruments
from tools.pages.commands import command_page, megarouter_program
from tools.pages.docstrings import attribute_docstrings
from tools.pages.errors import errors_page
from tools.pages.metrics import metrics_page
from tools.pages.settings import OF_CLIENTS, OF_THE_RUNNER, settings_page
from tools.protos.api import Api
from tools.protos.descriptors import compiled, own_files


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return compiled()


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_refusal_has_its_status_and_a_remedy(image: FileDescriptorSet, reason: RefusalReason) -> None:
    page = errors_page(Api(own_files(image)))
    assert re.search(rf"^\| {Refusal(reason, '').status} \| `{reason}` \| [A-Z`][^|]+\. \|$", page, re.MULTILINE)


def test_every_answer_of_envoy_is_on_the_page_of_errors(image: FileDescriptorSet) -> None:
    page = errors_page(Api(own_files(image)))
    for cause in CAUSES:
        assert f"| {cause.error.status} | `{cause.error.code}` |" in page


@pytest.mark.parametrize("settings", SETTINGS_BY_SERVICE.values())
def test_every_setting_has_a_meaning(settings: type[ServiceSettings]) -> None:
    page = settings_page()
    for name in settings.model_fields:
        assert re.search(rf"^\| `{PREFIX}{name.upper()}` \| [^|]+ \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE), name


def test_the_variables_of_the_runner_and_of_clients_are_on_the_page_of_settings() -> None:
    page = settings_page()
    assert all(f"| `{variable}` | " in page for variable in (*OF_THE_RUNNER, *OF_CLIENTS))


def test_every_metric_has_a_meaning() -> None:
    page = metrics_page()
    for instrument in instruments():
        assert re.search(rf"^\| `{re.escape(instrument.name)}` \| [^|]+ \| [^|]* \| [^|]+ \|$", page, re.MULTILINE)


@pytest.mark.parametrize(("name", "program"), [("megarouter", megarouter_program()), ("./dev", dev)])
def test_every_command_is_on_the_page_with_its_options(name: str, program: Typer) -> None:
    page = command_page()
    headings = re.findall(rf"^#+ ({re.escape(name)} .*)$", page, re.MULTILINE)
    assert len(headings) == len(set(headings)) > 5
    for heading in headings:
        section = page.partition(f" {heading}\n")[2].partition("\n#")[0]
        options = re.findall(r"^\| `(--[a-z-]+)`", section, re.MULTILINE)
        if options:  # a command without options may pass `--help` to another program
            shown = CliRunner().invoke(program, [*heading.split()[1:], "--help"]).output
            assert all(option in shown for option in options), heading


def test_a_docstring_under_an_attribute_is_found_on_one_line() -> None:
    assert attribute_docstrings(_Documented) == {"first": "One line.", "second": "Two lines."}


class _Documented:
    """An example."""

    first = 1
    """One line."""
    second: int = 2
    """Two
    lines."""
    third = 3
