"""How the module tells strangers from customers, without Envoy."""

import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from envoy.type.v3 import http_status_pb2
from google.rpc import status_pb2

from authz_service.request.envoy_messages import deny, key_is_known, read_call
from authz_service.request.readings import FactsMemory
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect
from tests.support.envoy_doors import Refused, doors, framed, key_answer, key_question

TRUSTED_MS = 60_000
BURST = 200
ATTEMPT_MS = 50
GRACE_MS = 1_000
KEY_IS_KNOWN = key_is_known("acme")


def test_a_proved_key_is_known_for_a_minute() -> None:
    assert doors("age 5 0", "remember 5 1000", "age 5 1000", f"age 5 {TRUSTED_MS + 999}", f"age 5 {TRUSTED_MS + 1000}") == [
        "-", "0", "59999", "-",
    ]  # fmt: skip


def test_another_proof_begins_the_minute_again() -> None:
    assert doors("remember 5 0", "remember 5 30000", "age 5 80000") == ["50000"]


def test_a_refused_key_is_forgotten_at_once_and_no_other() -> None:
    assert doors("remember 5 0", "remember 6 0", "forget 5", "forget 7", "age 5 1", "age 6 1") == ["-", "1"]


def test_where_there_is_no_room_the_oldest_proof_is_forgotten() -> None:
    keys = [1 + 4096 * number for number in range(5)]  # of one set, which has room for four
    remembered = [f"remember {key} {number}" for number, key in enumerate(keys)]
    assert doors(*remembered, *(f"age {key} 10" for key in keys)) == ["-", "9", "8", "7", "6"]


def test_a_fingerprint_depends_on_where_a_credential_begins_and_ends() -> None:
    one, other, same = doors("hash ab c", "hash a bc", "hash ab c")
    assert one == same != other


def test_an_address_may_try_as_many_unknown_keys_as_its_burst() -> None:
    charges = ["charge 9 0"] * (BURST - 1)
    assert doors(*charges, "exhausted 9 0", "charge 9 0", "exhausted 9 0", "exhausted 8 0") == [
        "false",
        "true",
        "false",
    ]


def test_an_address_regains_its_attempts_with_time() -> None:
    charges = ["charge 9 0"] * BURST
    assert doors(*charges, f"exhausted 9 {ATTEMPT_MS - 1}", f"exhausted 9 {ATTEMPT_MS + 1}") == ["true", "false"]


def entering(*arrivals: tuple[int, int, int]) -> list[str]:
    """Returns whom each connection evicts. An arrival is a number, an address and a time in milliseconds."""
    return doors(*(f"enter {number} {address} {now_ms}" for number, address, now_ms in arrivals))


def test_the_oldest_stranger_of_an_address_gives_up_its_place() -> None:
    arrivals = [(1, 9, 0), (2, 9, 1), (3, 9, 2), (4, 9, GRACE_MS), (5, 8, GRACE_MS)]
    assert entering(*arrivals) == ["-", "-", "-", "1", "-"]


def test_beyond_the_total_the_oldest_stranger_of_all_gives_up_its_place() -> None:
    arrivals = [(number, number, 0) for number in range(1, 6)] + [(6, 6, GRACE_MS), (7, 7, GRACE_MS)]
    assert entering(*arrivals) == ["-", "-", "-", "-", "-", "1", "2"]


def test_a_new_connection_keeps_its_place_for_the_time_of_its_first_call() -> None:
    arrivals = [(number, 9, 0) for number in range(1, 6)] + [(6, 9, GRACE_MS - 1)]
    assert entering(*arrivals) == ["-"] * 6


def test_a_burst_of_several_times_the_places_evicts_young_connections_too() -> None:
    arrivals = [(number, 9, 0) for number in range(1, 15)]
    assert entering(*arrivals) == ["-"] * 12 + ["1", "2"]


def test_a_burst_from_many_addresses_is_bounded_too() -> None:
    arrivals = [(number, number, 0) for number in range(1, 23)]
    assert entering(*arrivals) == ["-"] * 20 + ["1", "2"]


def test_after_a_burst_every_new_connection_takes_two_places_until_there_are_enough() -> None:
    arrivals = [(number, 9, 0) for number in range(1, 6)] + [(number, 9, GRACE_MS) for number in range(6, 9)]
    assert entering(*arrivals) == ["-"] * 5 + ["1 2", "3 4", "5"]


def test_a_connection_that_has_left_gives_its_place_back() -> None:
    entered = ["enter 1 9 0", "enter 2 9 0", "enter 3 9 0"]
    assert doors(*entered, "leave 2", f"enter 4 9 {GRACE_MS}", f"enter 5 9 {GRACE_MS}") == ["-", "-", "-", "-", "1"]


@pytest.mark.parametrize(
    ("addresses", "is_one"),
    [
        (("1.2.3.4:80", "1.2.3.4:81"), True),
        (("1.2.3.4:80", "1.2.3.5:80"), False),
        (("[2001:db8::1]:80", "[2001:db8::ffff:1]:80"), True),
        (("[2001:db8:0:1::1]:80", "[2001:db8:0:2::1]:80"), False),
        (("[::ffff:1.2.3.4]:80", "1.2.3.4:80"), True),
        (("2001:db8::1", "[2001:db8::1]:80"), True),
        (("1.2.3.4", "1.2.3.4:80"), True),
        (("junk", "x" * 100), True),
    ],
)
def test_addresses_of_one_network_count_together(addresses: tuple[str, str], is_one: bool) -> None:  # noqa: FBT001
    first, second = doors(*(f"group {address}" for address in addresses))
    assert (first == second) is is_one


def test_authz_service_reads_the_question_as_the_call() -> None:
    sent = [("authorization", "Bearer a"), ("authorization", "Bearer b"), ("anthropic-version", "1")]
    call = read_call(key_question("POST", "/v1/messages?beta=true", "2001:db8::1", sent), FactsMemory())
    assert (call.method, call.path, call.address) == ("POST", "/v1/messages?beta=true", "2001:db8::1")
    assert call.headers == tuple((name, value.encode()) for name, value in sent)
    assert not call.facts


def test_the_module_reads_what_authz_service_answers() -> None:
    assert key_answer(framed(KEY_IS_KNOWN)) == "acme"
    refusal = Refusal(RefusalReason.INVALID_API_KEY, "The key does not exist.", retry_after_s=3)
    message = deny(refusal, Dialect.OPENAI)
    expected = external_auth_pb2.CheckResponse.FromString(message).denied_response
    headers = tuple((one.header.key.encode(), one.header.value.encode()) for one in expected.headers)
    assert key_answer(framed(message)) == Refused(401, headers, expected.body.encode())
    assert (b"retry-after", b"3") in headers


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0\0",
        framed(b""),
        framed(KEY_IS_KNOWN)[:-1],
        framed(KEY_IS_KNOWN) + b"\0",
        b"\1" + framed(KEY_IS_KNOWN)[1:],
        framed(b"\x0a\x7f"),
        framed(b"\x0a" + b"\xff" * 11),
        framed(b"\x0b"),
        framed(b"\r\x00\x1a\x00\n"),  # a number where the status should be
        framed(b"\x0a\x02\x08\x07\x0a\x00"),  # a status in two parts, which add up to a refusal
        framed(external_auth_pb2.CheckResponse(status=status_pb2.Status(code=7)).SerializeToString()),
        framed(
            external_auth_pb2.CheckResponse(
                status=status_pb2.Status(code=7),
                denied_response=external_auth_pb2.DeniedHttpResponse(status=http_status_pb2.HttpStatus(code=200)),
            ).SerializeToString()
        ),
        framed(
            external_auth_pb2.CheckResponse(
                status=status_pb2.Status(code=7),
                denied_response=external_auth_pb2.DeniedHttpResponse(
                    status=http_status_pb2.HttpStatus(code=401),
                    headers=[base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key="a"))] * 17,
                ),
            ).SerializeToString()
        ),
    ],
)
def test_an_answer_that_cannot_be_read_lets_no_one_in(frame: bytes) -> None:
    assert key_answer(frame) is None
