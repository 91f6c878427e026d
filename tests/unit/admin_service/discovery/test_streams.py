"""What an Envoy hears on its stream, and what its answers mean."""

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from admin_service.discovery.configuration import CLUSTERS, Configuration, Resource
from admin_service.discovery.streams import Answer, _Stream

OTHER_TYPE = "type.googleapis.com/envoy.service.runtime.v3.Runtime"


def configuration(number: int, *names: str, refusal: str = "") -> Configuration:
    resources = tuple(Resource(name, CLUSTERS, name.encode()) for name in names)
    return Configuration(number, f"source {number}", resources, refusal)


def asked(type_url: str = CLUSTERS, nonce: str = "", refusal: str = "") -> discovery_pb2.DiscoveryRequest:
    request = discovery_pb2.DiscoveryRequest(type_url=type_url, response_nonce=nonce)
    if refusal:
        request.error_detail.message = refusal
    return request


@pytest.fixture
def stream() -> _Stream:
    opened = _Stream()
    assert opened.take(asked()) is None
    return opened


def test_a_new_stream_gets_everything(stream: _Stream) -> None:
    responses, answer = stream.due(configuration(1, "a", "b"))
    assert [[bytes(one.value) for one in response.resources] for response in responses] == [[b"a", b"b"]]
    assert answer is None


def test_nothing_is_sent_twice(stream: _Stream) -> None:
    first = configuration(1, "a")
    stream.due(first)
    assert stream.due(first) == ([], None)


def test_an_envoy_accepts_by_the_nonce_of_the_response(stream: _Stream) -> None:
    first = configuration(1, "a")
    [response], _ = stream.due(first)
    assert stream.take(asked(nonce="another")) is None
    assert stream.take(asked(nonce=response.nonce)) == Answer(first, "")


def test_an_envoy_refuses_with_its_words(stream: _Stream) -> None:
    first = configuration(1, "a")
    [response], _ = stream.due(first)
    assert stream.take(asked(nonce=response.nonce, refusal="no such field")) == Answer(first, "no such field")


def test_a_change_of_nothing_that_envoy_knows_is_answered_by_what_it_said_before(stream: _Stream) -> None:
    [response], _ = stream.due(configuration(1, "a"))
    stream.take(asked(nonce=response.nonce, refusal="no"))
    second = configuration(2, "a")
    assert stream.due(second) == ([], Answer(second, "no"))


def test_an_answer_to_an_older_response_says_nothing_about_a_newer_one(stream: _Stream) -> None:
    [first], _ = stream.due(configuration(1, "a"))
    [second], _ = stream.due(configuration(2, "a", "b"))
    assert stream.take(asked(nonce=first.nonce)) is None
    answer = stream.take(asked(nonce=second.nonce))
    assert answer is not None
    assert answer.configuration.number == 2


def test_what_could_not_be_rendered_counts_as_refused(stream: _Stream) -> None:
    partial = configuration(1, "a", refusal="provider-b: no host")
    [response], _ = stream.due(partial)
    assert stream.take(asked(nonce=response.nonce)) == Answer(partial, "provider-b: no host")


def test_another_type_is_answered_too(stream: _Stream) -> None:
    first = configuration(1, "a")
    stream.due(first)
    stream.take(asked(OTHER_TYPE))
    [response], _ = stream.due(first)
    assert response.type_url == OTHER_TYPE


def test_an_envoy_that_has_not_asked_for_clusters_has_not_answered() -> None:
    starting = _Stream()
    starting.take(asked(OTHER_TYPE))
    [response], _ = starting.due(configuration(1, "a"))
    assert starting.take(asked(OTHER_TYPE, nonce=response.nonce)) is None
