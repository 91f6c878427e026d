"""A bootstrap that Envoy refuses stops the start, and is not kept as a valid one."""

from pathlib import Path

import pytest

from deploy.local.process.children import StartError
from deploy.local.programs.envoy.bootstrap import _write_validated


def test_a_bootstrap_that_envoy_refuses_stops_the_start_and_is_not_kept(tmp_path: Path) -> None:
    bootstrap = tmp_path / "bootstrap.json"
    with pytest.raises(StartError, match=r"(?s)Envoy refuses its bootstrap.*no_such_field"):
        _write_validated(bootstrap, '{"no_such_field": 1}')
    assert not bootstrap.exists()


def test_a_bootstrap_that_envoy_accepts_is_kept(tmp_path: Path) -> None:
    bootstrap = tmp_path / "bootstrap.json"
    _write_validated(bootstrap, "{}")
    assert bootstrap.read_text() == "{}"
