"""What admin_service says at its start about settings that it can do without."""

import pytest

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import running_service

_WARNING = "there are no operators"


async def test_a_deployment_without_operators_is_warned_of(
    settings: AdminSettings, people: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_service(settings):
        assert _WARNING not in caplog.text
    async with running_service(AdminSettings.model_validate({**settings.model_dump(), "operators": " "})):
        assert _WARNING in caplog.text
