"""The proxy floor uses the gateway's own Envoy configuration with stub services that always allow."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.gateway.floor import Floor, Place, Repeated, moved, table
from deploy.local.stack.layout import Home, Ports

METHOD = "/example.Service/Method"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "floor", Home(tmp_path / "home"), Ports(20_000), 20_054)


def listener(port: int, socket: Path, journal: Path) -> dict[str, Any]:
    return {
        "listeners": [{"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "timeout": "2s"}],
        "clusters": [{"pipe": {"path": str(socket)}}, {"port_value": 443}],
        "log": {"path": str(journal)},
    }


def test_the_floor_changes_only_listeners_and_service_addresses(place: Place) -> None:
    given = listener(place.ports.model, place.home.envoy_socket("authz"), place.home.journal_file)
    expected = listener(20_054, place.directory / "authz.sock", place.directory / "floor-journal.log")
    assert moved(given, place) == expected


def test_each_port_and_socket_of_the_gateway_is_replaced(place: Place) -> None:
    ports = (place.ports.model, place.ports.admin, place.ports.envoy_metrics)
    sockets = (place.home.envoy_socket("authz"), place.home.envoy_socket("ratelimit"), place.home.socket("usage"))
    replaced = moved([*({"port_value": port} for port in ports), *map(str, sockets)], place)
    assert [one["port_value"] for one in replaced[:3]] == [20_054, 20_055, 20_056]
    assert [Path(one).parent for one in replaced[3:]] == [place.directory] * 3
    assert len(set(replaced[3:])) == 3


async def test_only_the_first_call_reaches_the_real_service(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, _context: object) -> bytes:
        asked.append(request)
        return b"answer to " + request

    handler = grpc.unary_unary_rpc_method_handler(answer)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("example.Service", {"Method": handler}),))
    server.add_insecure_port(f"unix:{tmp_path / 'real.sock'}")
    await server.start()
    method = Repeated(METHOD, str(tmp_path / "real.sock")).method
    answers = [await method.handle(request, {}) for request in (b"first", b"second", b"third")]
    await server.stop(None)
    assert answers == [b"answer to first"] * 3
    assert asked == [b"first"]


def test_the_table_adds_envoy_and_the_services() -> None:
    shown = table({"JSON": Floor(1_145.4, 669.2, 66.4, 2.774, 9.53)})
    assert [list(column.cells) for column in shown.columns] == [
        ["JSON"], ["1,145"], ["736"], ["669"], ["66"], ["2.77"], ["9.53"],
    ]  # fmt: skip
