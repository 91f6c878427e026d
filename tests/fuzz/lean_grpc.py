"""Feeds the input that libFuzzer generates to one connection of the lean transport.

PATH="$PATH:$PWD/.tools/uv/bin" uv run --no-sync --with atheris==3.0.0 python -m tests.fuzz.lean_grpc -max_total_time=60
"""

import sys

import atheris  # type: ignore[import-untyped]  # installed only for fuzzing

with atheris.instrument_imports(include=["gateway_core.runtime.lean_grpc", "hpack"]):
    import grpc

    from gateway_core.runtime.lean_grpc.connection import Connection
    from gateway_core.runtime.lean_grpc.frames import PREFACE, Kind, frame, settings_frame
    from tests.contract.gateway_core.runtime.lean_grpc.peer import Clock, Recorded, assert_bounded, block, call, message

MAX_CALLS = 3
_PAYLOADS = (block(), message(), b"")


def test_one_input(data: bytes) -> None:
    """Asserts that no input makes a connection raise an error or exceed its bounds.

    It finds within seconds a version that does not count calls under way against their bound.
    """
    provider = atheris.FuzzedDataProvider(data)
    clock, calls = Clock(), Recorded()
    connection = Connection(calls, clock, max_calls=MAX_CALLS)
    if provider.ConsumeProbability() < 0.9:  # start most inputs after the preface
        connection.receive(PREFACE + settings_frame({}))
    answered = 0
    while provider.remaining_bytes() and not connection.is_over:
        connection.receive(_piece(provider))
        if answered < len(calls.begun) and provider.ConsumeBool():
            stream = calls.begun[answered][0]
            answered += 1
            if provider.ConsumeBool():
                connection.reply(stream, b"x" * provider.ConsumeIntInRange(0, 100_000))
            else:
                connection.fail(stream, grpc.StatusCode.ABORTED, "no")
            connection.ended()
        clock.now_s += provider.ConsumeIntInRange(0, 3)
        connection.expire()
        assert_bounded(connection, len(calls.begun) - answered, MAX_CALLS)
    connection.close()
    assert connection.is_idle


def _piece(provider: "atheris.FuzzedDataProvider") -> bytes:
    """Returns raw bytes, a whole frame or a whole call, so that the fuzzer need not discover lengths, flags and header blocks."""
    shape = provider.ConsumeIntInRange(0, 2)
    if shape == 0:
        return call(2 * provider.ConsumeIntInRange(0, 20) + 1)
    if shape == 1:
        raw: bytes = provider.ConsumeBytes(provider.ConsumeIntInRange(1, 100))
        return raw
    kind, flags = Kind(provider.ConsumeIntInRange(0, 9)), provider.ConsumeIntInRange(0, 255)
    stream_id = provider.ConsumeIntInRange(0, 7)
    chosen = provider.ConsumeIntInRange(0, 5)
    payload = _PAYLOADS[chosen] if chosen < len(_PAYLOADS) else provider.ConsumeBytes(provider.ConsumeIntInRange(0, 60))
    return frame(kind, flags, stream_id, payload)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
