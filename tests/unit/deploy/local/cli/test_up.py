"""The command line of `./dev up` is read without the library for command lines, and read alike."""

import pytest
from typer.testing import CliRunner

from deploy.local.cli import commands as cli
from deploy.local.cli.up import DEFAULT_CATALOG, quick_request
from deploy.local.supervision.background import StartRequest


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--detach"],
        ["-d", "--home", "other", "--port-base", "12000"],
        ["--home", "relative", "--workers", "3", "--catalog", "prices.yaml"],
        ["--home", "~/gateway", "--workers", "016"],
    ],
)
def test_what_is_read_quickly_is_read_as_the_library_reads_it(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[StartRequest, bool]] = []
    monkeypatch.setattr(cli, "bring_up", lambda request, *, detach: read.append((request, detach)))
    result = CliRunner().invoke(cli.application, ["up", *arguments])
    assert result.exit_code == 0, result.output
    assert [quick_request(arguments)] == read


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--home"],
        ["--home", ""],
        ["--home", "--detach"],
        ["--home", "a", "--home", "b"],
        ["--home=a"],
        ["--port-base", "x"],
        ["--port-base", "-1"],
        ["--workers", "1.5"],
        ["--wrokers", "2"],
        ["more"],
        ["--"],
    ],
)
def test_whatever_could_be_a_mistake_is_left_to_the_library(arguments: list[str]) -> None:
    assert quick_request(arguments) is None


def test_nothing_asked_for_means_the_defaults() -> None:
    found = quick_request([])
    assert found is not None
    request, detach = found
    assert (request.home.directory.name, request.port_base, request.workers, detach) == (".run", 10_000, 1, False)
    assert request.catalog_file == DEFAULT_CATALOG
