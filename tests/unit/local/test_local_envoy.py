from deploy.local.envoy import active_requests, otlp_address
from deploy.local.stack_programs import without_credentials


def test_active_requests_are_summed_without_those_for_the_admin_page() -> None:
    stats = "http.admin.downstream_rq_active: 1\nhttp.model.downstream_rq_active: 2\nhttp.api.downstream_rq_active: 3\n"
    assert active_requests(stats) == 5


def test_no_statistics_mean_nothing_is_under_way() -> None:
    assert active_requests("") == 0


def test_the_collector_is_taken_from_the_standard_variable() -> None:
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert otlp_address({variable: "http://collector:14317/"}) == "collector:14317"
    assert otlp_address({variable: "https://collector"}) == "collector:4317"
    assert otlp_address({variable: "collector:4317"}) == "collector:4317"
    assert otlp_address({}) is None


def test_an_address_for_people_holds_no_password() -> None:
    assert without_credentials("postgresql://user:p@ss@db.example:5432/name?x=1") == "db.example:5432"
