"""The connection of a command."""

import os
from pathlib import Path

import pytest
from megarouter_admin.command_line.application import run


def test_a_token_file_that_can_be_read_once_is_enough(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `--token-file <(pass show token)` gives it."""
    monkeypatch.delenv("MEGAROUTER_ADMIN_TOKEN", raising=False)
    reading, writing = os.pipe()
    os.write(writing, b"mrt-any\n")
    os.close(writing)
    try:
        status = run(["whoami", "--address", "127.0.0.1:1", "--token-file", str(Path(f"/dev/fd/{reading}"))])
    finally:
        os.close(reading)
    error = capsys.readouterr().err
    assert "access token" not in error
    assert status == 1, "nothing listens at this address"
