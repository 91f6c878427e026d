"""`megarouter-admin` runs the commands of the server."""

import pytest

from admin_service.command import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_under_its_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: megarouter-admin {name} ")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name}  " in out for name in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["docter"]])
def test_anything_else_shows_the_commands_and_fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "doctor" in capsys.readouterr().err
