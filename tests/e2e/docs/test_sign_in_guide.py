"""Runs the commands of docs/guides/sign-in.md in order."""

import os
import sys
from pathlib import Path

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks, broken_promises
from tests.support.servers.tls_proxy import TlsProxy

PAGE = "docs/guides/sign-in.md"


@pytest.mark.timeout(180)
def test_every_command_of_the_guide_prints_what_its_comment_says(
    stack: Stack, sign_in_proxy: TlsProxy, tmp_path: Path
) -> None:
    environment = {
        **stack.environment,
        **sign_in_proxy.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path),
        "BROWSER": "curl --silent --location --output /dev/null %s",
    }
    assert broken_promises(blocks(PAGE, "sh"), tmp_path, environment) == []
