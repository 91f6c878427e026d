"""The Python client against a real gRPC server with chosen failures."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from megarouter.admin.v1 import credit_pb2_grpc
from megarouter.admin.v1.messages import (
    CreditTransaction,
    ListCreditTransactionsRequest,
    ListCreditTransactionsResponse,
    TopUpCreditRequest,
    TopUpCreditResponse,
)
from megarouter_admin import (
    AsyncMegaRouter,
    CallPolicy,
    FieldViolation,
    MegaRouter,
    MegaRouterError,
    async_pages,
    pages,
)
from megarouter_admin.channels import CA_FILE, target_of

from tests.support.servers.certificates import Authority

POLICY = CallPolicy(first_backoff_s=0.001, max_backoff_s=0.002)
UNAVAILABLE = status_pb2.Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message="not now")


@dataclass
class Service(credit_pb2_grpc.CreditsServicer):
    """Answers with the given failures first, then successfully."""

    failures: list[status_pb2.Status] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    remaining_s: float = 0.0
    address: str = ""

    def TopUpCredit(self, request: TopUpCreditRequest, context: Any) -> TopUpCreditResponse:  # noqa: N802
        self.requests.append(request)
        self.metadata = dict(context.invocation_metadata())
        self.remaining_s = context.time_remaining()
        if self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures.pop(0)))
        return TopUpCreditResponse()

    def ListCreditTransactions(  # noqa: N802
        self,
        request: ListCreditTransactionsRequest,
        context: Any,  # noqa: ARG002
    ) -> ListCreditTransactionsResponse:
        first = int(request.page_token or 0)
        last = first + request.page_size
        return ListCreditTransactionsResponse(
            credit_transactions=[CreditTransaction(ledger_sequence=number) for number in range(first, min(last, 5))],
            next_page_token=str(last) if last < 5 else "",
        )


@pytest.fixture
def service() -> Iterator[Service]:
    server = grpc.server(ThreadPoolExecutor(2))
    serving = Service()  # type: ignore[abstract] # missing methods answer UNIMPLEMENTED
    credit_pb2_grpc.add_CreditsServicer_to_server(serving, server)
    serving.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield serving
    server.stop(None).wait()


@pytest.fixture
def router(service: Service) -> Iterator[MegaRouter]:
    with MegaRouter(service.address, "secret", policy=POLICY) as opened:
        yield opened


def status(code: grpc.StatusCode, *details: Any) -> status_pb2.Status:
    packed = [any_pb2.Any() for _ in details]
    for box, detail in zip(packed, details, strict=True):
        box.Pack(detail)
    return status_pb2.Status(code=code.value[0], message="no", details=packed)


def test_every_call_carries_the_token_and_a_deadline(service: Service, router: MegaRouter) -> None:
    router.credits.TopUpCredit(TopUpCreditRequest())
    assert service.metadata["authorization"] == "Bearer secret"
    assert 25 < service.remaining_s < 31
    router.credits.TopUpCredit(TopUpCreditRequest(), timeout=5, metadata=(("x-mine", "kept"),))
    assert service.remaining_s < 6
    assert service.metadata["x-mine"] == "kept"


def test_unavailable_is_retried_with_the_same_request_id(service: Service, router: MegaRouter) -> None:
    service.failures = [UNAVAILABLE, UNAVAILABLE]
    request = TopUpCreditRequest(parent="organizations/acme")
    router.credits.TopUpCredit(request)
    assert len(service.requests) == 3
    (request_id,) = {sent.request_id for sent in service.requests}
    assert uuid.UUID(request_id).version == 4
    assert request.request_id == ""


def test_a_request_id_from_the_caller_is_kept(service: Service, router: MegaRouter) -> None:
    router.credits.TopUpCredit(TopUpCreditRequest(request_id="mine"))
    assert service.requests[0].request_id == "mine"


def test_the_number_of_attempts_is_bounded(service: Service, router: MegaRouter) -> None:
    service.failures = [UNAVAILABLE] * 100
    with pytest.raises(MegaRouterError) as failed:
        router.credits.TopUpCredit(TopUpCreditRequest())
    assert failed.value.code is grpc.StatusCode.UNAVAILABLE
    assert len(service.requests) == POLICY.max_attempts


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_no_other_error_is_retried(service: Service, router: MegaRouter, code: grpc.StatusCode) -> None:
    service.failures = [status(code)]
    with pytest.raises(MegaRouterError):
        router.credits.TopUpCredit(TopUpCreditRequest())
    assert len(service.requests) == 1


def test_an_error_has_the_details_that_the_service_sent(service: Service, router: MegaRouter) -> None:
    service.failures = [
        status(
            grpc.StatusCode.INVALID_ARGUMENT,
            error_details_pb2.ErrorInfo(reason="FIELD_INVALID", domain="megarouter", metadata={"resource": "r"}),
            error_details_pb2.BadRequest(
                field_violations=[error_details_pb2.BadRequest.FieldViolation(field="parent", description="wrong")]
            ),
            error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        )
    ]
    with pytest.raises(MegaRouterError) as failed:
        router.credits.TopUpCredit(TopUpCreditRequest())
    error = failed.value
    assert (error.code, error.reason, error.metadata) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_INVALID",
        {"resource": "r"},
    )
    assert error.field_violations == (FieldViolation("parent", "wrong"),)
    assert error.retry_after_s == 1.5
    assert str(error) == "INVALID_ARGUMENT (FIELD_INVALID): no"


def test_pages_end_at_an_empty_token(router: MegaRouter) -> None:
    request = ListCreditTransactionsRequest(page_size=2)
    listed = [len(page.credit_transactions) for page in pages(router.credits.ListCreditTransactions, request)]
    assert listed == [2, 2, 1]
    assert request.page_token == ""


def test_a_repeated_page_token_is_an_error(router: MegaRouter) -> None:
    def same(_: ListCreditTransactionsRequest) -> ListCreditTransactionsResponse:
        return ListCreditTransactionsResponse(next_page_token="same")

    with pytest.raises(RuntimeError):
        list(pages(same, ListCreditTransactionsRequest()))


async def test_the_asyncio_client_retries_and_pages_alike(service: Service) -> None:
    service.failures = [UNAVAILABLE, status(grpc.StatusCode.ABORTED)]
    async with AsyncMegaRouter(service.address, "secret", policy=POLICY) as router:
        with pytest.raises(MegaRouterError) as failed:
            await router.credits.TopUpCredit(TopUpCreditRequest())
        assert failed.value.code is grpc.StatusCode.ABORTED
        await router.credits.TopUpCredit(TopUpCreditRequest())
        asked = ListCreditTransactionsRequest(page_size=2)
        listed = [page async for page in async_pages(router.credits.ListCreditTransactions, asked)]
    assert len(listed) == 3
    assert len(service.requests) == 3
    assert service.metadata["authorization"] == "Bearer secret"


def test_a_pause_grows_is_bounded_and_never_outlasts_the_deadline() -> None:
    policy, error = CallPolicy(max_attempts=10), MegaRouterError(grpc.StatusCode.UNAVAILABLE, "not now")

    def pause(attempt: int, remaining_s: float = 60.0) -> float | None:
        return policy.pause_before_retry_s(error, attempt, remaining_s, lambda: 1.0)

    assert [pause(attempt) for attempt in (1, 2, 3, 9)] == [0.1, 0.2, 0.4, 2.0]
    assert pause(3, 0.39) is None
    assert pause(10) is None


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://admin.example.com", ("admin.example.com:443", True)),
        ("http://127.0.0.1:10001/", ("127.0.0.1:10001", False)),
        ("http://[::1]:10001", ("[::1]:10001", False)),
    ],
)
def test_the_scheme_of_an_address_decides_on_encryption(address: str, target: tuple[str, bool]) -> None:
    assert target_of(address) == target


@pytest.mark.parametrize("address", ["127.0.0.1:10001", "ftp://a", "https://", "https://a/v1", "https://user@a"])
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="https://host:port"):
        target_of(address)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of a private authority: its address, and the file of the authority."""
    authority = Authority("private", tmp_path)
    pair = authority.issue("localhost", tmp_path / "server")
    server = grpc.server(ThreadPoolExecutor(2))
    credit_pb2_grpc.add_CreditsServicer_to_server(Service(), server)  # type: ignore[abstract]
    keys = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials(keys))
    server.start()
    yield f"https://localhost:{port}", authority.file
    server.stop(None)


def test_a_private_authority_is_trusted_if_its_file_is_named(
    private: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, file = private
    with MegaRouter(address, "token", policy=CallPolicy(timeout_s=2.0)) as router, pytest.raises(MegaRouterError):
        router.credits.TopUpCredit(TopUpCreditRequest())
    monkeypatch.setenv(CA_FILE, str(file))
    with MegaRouter(address, "token", policy=POLICY) as router:
        assert router.credits.TopUpCredit(TopUpCreditRequest()) == TopUpCreditResponse()


async def test_the_client_for_asyncio_trusts_the_same_authority(
    private: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, file = private
    monkeypatch.setenv(CA_FILE, str(file))
    async with AsyncMegaRouter(address, "token", policy=POLICY) as router:
        assert await router.credits.TopUpCredit(TopUpCreditRequest()) == TopUpCreditResponse()


def test_a_file_of_authorities_that_cannot_be_read_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CA_FILE, "/nowhere/ca.pem")
    with pytest.raises(ValueError, match=CA_FILE):
        MegaRouter("https://localhost:1", "token")
