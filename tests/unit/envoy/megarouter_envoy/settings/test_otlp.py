from megarouter_envoy.settings.otlp import otlp_address


def test_the_collector_is_read_from_the_standard_variable() -> None:
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert otlp_address({variable: "http://collector:14317/"}) == "collector:14317"
    assert otlp_address({variable: "https://collector"}) == "collector:4317"
    assert otlp_address({variable: "collector:4317"}) == "collector:4317"
    assert otlp_address({}) is None
