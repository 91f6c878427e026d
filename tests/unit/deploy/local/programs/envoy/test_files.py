import pytest

from deploy.local.programs.envoy.drain_grace import DrainGraceError, drain_grace_s
from deploy.local.programs.envoy.files import otlp_address
from deploy.local.programs.stack_programs import without_credentials


def test_the_grace_is_a_number_of_seconds() -> None:
    variable = "MEGAROUTER_DRAIN_GRACE_S"
    assert [drain_grace_s(settings) for settings in ({}, {variable: "1"}, {variable: "3600"})] == [30, 1, 3600]
    for text in ("0", "3601", "1.5", "-1", ""):
        with pytest.raises(DrainGraceError, match=variable):
            drain_grace_s({variable: text})


def test_the_collector_is_read_from_the_standard_variable() -> None:
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert otlp_address({variable: "http://collector:14317/"}) == "collector:14317"
    assert otlp_address({variable: "https://collector"}) == "collector:4317"
    assert otlp_address({variable: "collector:4317"}) == "collector:4317"
    assert otlp_address({}) is None


def test_a_displayed_address_has_no_password() -> None:
    assert without_credentials("postgresql://user:p@ss@db.example:5432/name?x=1") == "db.example:5432"
