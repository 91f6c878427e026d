"""The command line of `./dev up` is read without typer, with the same result."""

import pytest
from typer.testing import CliRunner

from deploy.local.cli import commands as cli
from deploy.local.cli.up import quick_specification
from deploy.local.stack.layout import LayoutError, Ports
from deploy.local.stack.specification import DEFAULT_CATALOG, StackSpecification, parse_specification


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
def test_the_quick_parser_agrees_with_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[StackSpecification, bool]] = []
    monkeypatch.setattr(cli, "bring_up", lambda specification, *, detach: read.append((specification, detach)))
    result = CliRunner().invoke(cli.application, ["up", *arguments])
    assert result.exit_code == 0, result.output
    assert [quick_specification(arguments)] == read


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
def test_a_possible_mistake_is_left_to_typer(arguments: list[str]) -> None:
    assert quick_specification(arguments) is None


def test_an_empty_command_line_means_the_defaults() -> None:
    found = quick_specification([])
    assert found is not None
    specification, detach = found
    assert (specification.home.directory.name, specification.ports, detach) == (".run", Ports(10_000, 1), False)
    assert specification.catalog_file == DEFAULT_CATALOG


def test_a_specification_is_passed_unchanged_to_the_supervisor() -> None:
    found = quick_specification(["--home", "a b", "--port-base", "12000", "--catalog", "prices.yaml", "--workers", "3"])
    assert found is not None
    assert parse_specification(found[0].arguments()) == found[0]


def test_ports_out_of_range_are_refused() -> None:
    with pytest.raises(LayoutError, match="--port-base 80"):
        quick_specification(["--port-base", "80"])
