"""What counts as the standard service, in every spelling that providers use."""

import pytest

from gateway_core.model.catalog.service import STANDARD, Service


@pytest.mark.parametrize(
    "service",
    [
        STANDARD,
        Service("auto", "standard", "global"),
        Service("default"),
        Service("standard_only"),
        Service("on_demand"),
        Service("STANDARD"),
        Service("SERVICE_TIER_UNSPECIFIED"),
        Service("", "", ""),
        Service(place="not_available"),
    ],
)
def test_the_standard_has_no_special_property(service: Service) -> None:
    assert list(service.special()) == []


def test_everything_else_is_special_in_lower_case() -> None:
    found = list(Service("SERVICE_TIER_PRIORITY", " Fast ", "US").special())
    assert found == [("tier", "priority"), ("speed", "fast"), ("place", "us")]
