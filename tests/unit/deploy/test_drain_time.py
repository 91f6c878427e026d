"""Envoy drains in containers as it does locally: image and chart name the same time."""

import re

import pytest
from megarouter_envoy.binary import IDLE_CLOSED_WITHIN_S

from tests.support.repository import ROOT


@pytest.mark.parametrize("file", ["deploy/images/Dockerfile", "deploy/helm/megarouter/templates/_gateway.tpl"])
def test_the_drain_time_is_that_of_the_runner(file: str) -> None:
    found = re.findall(r'--drain-time-s[",\s-]+(\d+)', (ROOT / file).read_text("utf-8"))
    assert found == [str(IDLE_CLOSED_WITHIN_S)]
