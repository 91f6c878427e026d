import os
from pathlib import Path

import pytest
from megarouter_envoy.options import worker_sockets

from deploy.local.stack.layout import (
    MAX_WORKERS,
    SERVICES,
    SOCKETS_DIRECTORY_MAX_BYTES,
    Home,
    LayoutError,
    Ports,
    make_home,
    process_name,
    sockets_directory,
)


def test_the_ports_of_a_stack_start_at_its_base() -> None:
    ports = Ports(18000)
    assert (ports.model, ports.admin, ports.envoy_metrics) == (18000, 18001, 18002)
    assert (ports.postgres, ports.redis, ports.mock_provider) == (18003, 18004, 18005)
    assert [ports.metrics(service) for service in SERVICES] == [18006, 18007, 18008, 18009, 18010]
    assert ports.inbox == 18011


def test_two_bases_twelve_apart_share_no_port() -> None:
    def of(base: int) -> set[int]:
        ports = Ports(base)
        metrics = {ports.metrics(service) for service in SERVICES}
        return metrics | {
            ports.model,
            ports.admin,
            ports.envoy_metrics,
            ports.postgres,
            ports.redis,
            ports.mock_provider,
            ports.inbox,
        }

    assert not of(18000) & of(18012)


def test_workers_share_no_port_and_the_first_ones_keep_theirs() -> None:
    one, many = Ports(18000), Ports(18000, MAX_WORKERS)
    assert [many.metrics(service) for service in SERVICES] == [one.metrics(service) for service in SERVICES]
    metrics = [many.metrics(service, worker) for service in SERVICES for worker in many.workers_of(service)]
    further = range(18012, 18012 + 2 * (MAX_WORKERS - 1))
    assert sorted(metrics) == [*range(18006, 18011), *further]
    assert [len(many.workers_of(service)) for service in SERVICES] == [MAX_WORKERS, MAX_WORKERS, 1, 1, 1]


def test_the_last_worker_has_a_port() -> None:
    base = 65_524 - 2 * (MAX_WORKERS - 1)
    assert Ports(base, MAX_WORKERS).metrics("ratelimit", MAX_WORKERS - 1) == 65_535
    with pytest.raises(LayoutError, match="--port-base"):
        Ports(base + 1, MAX_WORKERS)


@pytest.mark.parametrize("workers", [-1, 0, MAX_WORKERS + 1])
def test_an_invalid_number_of_workers_is_refused(workers: int) -> None:
    with pytest.raises(LayoutError, match="--workers"):
        Ports(18000, workers)


def test_sockets_of_workers_are_numbered_like_envoys_clusters_and_short_enough() -> None:
    home = Home(Path("/srv/run"))
    first = home.envoy_socket("ratelimit")
    assert [home.envoy_socket("ratelimit", worker) for worker in range(3)] == worker_sockets(first, 3)
    longest = home.envoy_socket("ratelimit", MAX_WORKERS - 1).name
    assert SOCKETS_DIRECTORY_MAX_BYTES + len("/") + len(longest) < 108
    assert home.socket("authz", 2).name == "authz-2.sock"
    assert [process_name("authz"), process_name("authz", 1)] == ["authz_service", "authz_service-1"]


@pytest.mark.parametrize("base", [-1, 0, 1023, 65_525, 10**9])
def test_a_base_beyond_the_range_of_ports_is_refused(base: int) -> None:
    with pytest.raises(LayoutError, match="--port-base"):
        Ports(base)


def test_sockets_are_in_the_home_if_its_path_is_short() -> None:
    assert sockets_directory(Path("/srv/run"), Path("/tmp"), 1000) == Path("/srv/run/sockets")  # noqa: S108


def test_sockets_of_a_long_home_are_in_a_separate_temporary_folder() -> None:
    temporary = Path("/var/tmp")  # noqa: S108
    first = sockets_directory(Path("/srv") / ("a" * 120), temporary, 1000)
    second = sockets_directory(Path("/srv") / ("b" * 120), temporary, 1000)
    assert first.parent == second.parent == temporary
    assert first != second
    assert len(f"{first}/supervisor.sock") < 108


def test_the_length_of_a_home_is_counted_in_bytes() -> None:
    temporary = Path("/var/tmp")  # noqa: S108
    assert sockets_directory(Path("/srv") / ("ü" * 40), temporary, 1000).parent == temporary


def test_only_the_owner_can_read_a_home(tmp_path: Path) -> None:
    """If root runs the stack, the user of its programs can pass through the home, and shares the directory of sockets."""
    home = Home(tmp_path / "home")
    make_home(home)
    is_root = os.geteuid() == 0
    assert home.directory.stat().st_mode & 0o777 == (0o711 if is_root else 0o700)
    assert home.sockets.stat().st_mode & 0o7777 == (0o1770 if is_root else 0o700)
    for directory in (
        home.envoy,
        home.envoy_files.credentials,
        home.logs,
        home.journal_file.parent,
    ):
        assert directory.stat().st_mode & 0o077 == 0


def test_a_sockets_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.sockets.mkdir(parents=True)
    home.sockets.chmod(0o777)
    with pytest.raises(LayoutError, match="only you can enter"):
        make_home(home)


def test_a_home_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LayoutError, match=r"--home .*file/home.*Not a directory"):
        make_home(Home(tmp_path / "file" / "home"))
