import pytest
from megarouter_envoy.settings.drain_grace import DrainGraceError, drain_grace_s


def test_the_grace_is_a_number_of_seconds() -> None:
    variable = "MEGAROUTER_DRAIN_GRACE_S"
    assert [drain_grace_s(settings) for settings in ({}, {variable: "1"}, {variable: "3600"})] == [30, 1, 3600]
    for text in ("0", "3601", "1.5", "-1", ""):
        with pytest.raises(DrainGraceError, match=variable):
            drain_grace_s({variable: text})
