from deploy.local.programs.envoy import Active, active_on_listeners
from deploy.local.programs.envoy_files import otlp_address
from deploy.local.programs.stack_programs import without_credentials


def test_active_connections_are_summed_without_the_admin_page() -> None:
    stats = "".join(
        f"http.{name}.downstream_{kind}_active: {count}\n"
        for name, kind, count in [
            ("admin", "rq", 1),
            ("admin", "cx", 1),
            ("model", "rq", 2),
            ("model", "cx", 4),
            ("api", "rq", 3),
        ]
    )
    assert active_on_listeners(stats) == Active(requests=5, connections=4)


def test_missing_statistics_count_as_no_active_requests() -> None:
    assert active_on_listeners("") == Active(requests=0, connections=0)


def test_the_collector_is_read_from_the_standard_variable() -> None:
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert otlp_address({variable: "http://collector:14317/"}) == "collector:14317"
    assert otlp_address({variable: "https://collector"}) == "collector:4317"
    assert otlp_address({variable: "collector:4317"}) == "collector:4317"
    assert otlp_address({}) is None


def test_a_displayed_address_has_no_password() -> None:
    assert without_credentials("postgresql://user:p@ss@db.example:5432/name?x=1") == "db.example:5432"
