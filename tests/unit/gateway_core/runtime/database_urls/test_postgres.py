"""URLs of PostgreSQL with several servers, and places without a login."""

import pytest

from gateway_core.runtime.database_urls.postgres import require_place, url_at, urls_of_hosts

URL = "postgresql://megarouter_usage:p%40ss@db-1:5432,db-2:5433/megarouter?sslmode=verify-full&target_session_attrs=primary"


def test_each_server_of_a_url_gets_a_url_of_its_own() -> None:
    rest = "/megarouter?sslmode=verify-full&target_session_attrs=primary"
    assert urls_of_hosts(URL) == [
        f"postgresql://megarouter_usage:p%40ss@db-1:5432{rest}",
        f"postgresql://megarouter_usage:p%40ss@db-2:5433{rest}",
    ]


def test_a_url_without_a_host_stays_as_it_is() -> None:
    assert urls_of_hosts("postgresql:///megarouter?host=/run/postgresql") == [
        "postgresql:///megarouter?host=/run/postgresql"
    ]


def test_at_another_place_login_database_and_encryption_stay_but_not_the_choice_among_servers() -> None:
    at = url_at(URL, "postgresql://pgbouncer:6432")
    assert at == "postgresql://megarouter_usage:p%40ss@pgbouncer:6432/megarouter?sslmode=verify-full"


def test_a_place_may_have_a_database_and_options_of_its_own() -> None:
    at = url_at(URL, "postgresql://pgbouncer:6432/pooled?sslmode=disable")
    assert at == "postgresql://megarouter_usage:p%40ss@pgbouncer:6432/pooled?sslmode=disable"


def test_paths_of_certificates_stay_readable() -> None:
    at = url_at("postgresql://a:b@db/x?sslrootcert=/etc/ca.crt", "postgresql://pgbouncer:6432")
    assert at == "postgresql://a:b@pgbouncer:6432/x?sslrootcert=/etc/ca.crt"


@pytest.mark.parametrize(
    "place",
    [
        "",
        "pgbouncer:6432",
        "http://pgbouncer",
        "postgresql://",
        "postgresql://a:secret@b",
        "postgresql://b/?password=secret",
    ],
)
def test_what_is_no_place_is_refused_without_quoting_it(place: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        require_place(place)
    assert "secret" not in str(refused.value)
