package com.megarouter;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.rpc.BadRequest;
import com.megarouter.admin.v1.CreditsGrpc;
import com.megarouter.admin.v1.ListCreditTransactionsRequest;
import com.megarouter.admin.v1.ListCreditTransactionsResponse;
import com.megarouter.admin.v1.TopUpCreditRequest;
import com.megarouter.admin.v1.TopUpCreditResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.After;
import org.junit.Test;

/** The client against a server whose TopUpCredit fails a number of times, and whose list has as many pages as tokens. */
public final class ClientTest {
  private static final CallPolicy POLICY = new CallPolicy(Duration.ofSeconds(30), 4, Duration.ofMillis(1), Duration.ofMillis(1));

  private final List<AutoCloseable> open = new ArrayList<>();
  private final List<TopUpCreditRequest> requests = new ArrayList<>();
  private final List<String> asked = new ArrayList<>();
  private final Deque<String> tokens = new ArrayDeque<>();
  private String authorization = "";
  private long remainingMs;

  @After
  public void close() throws Exception {
    for (AutoCloseable one : open) {
      one.close();
    }
  }

  private MegaRouter failing(Status.Code code, int times) throws Exception {
    var service =
        new CreditsGrpc.CreditsImplBase() {
          @Override
          public void topUpCredit(TopUpCreditRequest request, StreamObserver<TopUpCreditResponse> answer) {
            requests.add(request);
            remainingMs = Context.current().getDeadline().timeRemaining(TimeUnit.MILLISECONDS);
            if (requests.size() <= times) {
              answer.onError(StatusProto.toStatusRuntimeException(notNow(code)));
            } else {
              answer.onNext(TopUpCreditResponse.getDefaultInstance());
              answer.onCompleted();
            }
          }

          @Override
          public void listCreditTransactions(
              ListCreditTransactionsRequest request, StreamObserver<ListCreditTransactionsResponse> answer) {
            asked.add(request.getPageToken());
            answer.onNext(ListCreditTransactionsResponse.newBuilder().setNextPageToken(tokens.remove()).build());
            answer.onCompleted();
          }
        };
    ServerInterceptor witness =
        new ServerInterceptor() {
          @Override
          public <Q, R> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            authorization = headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
            return next.startCall(call, headers);
          }
        };
    Server server = ServerBuilder.forPort(0).addService(service).intercept(witness).build().start();
    open.add(server::shutdownNow);
    MegaRouter router = MegaRouter.connect("http://127.0.0.1:" + server.getPort(), "secret", POLICY);
    open.add(0, router);
    return router;
  }

  private static com.google.rpc.Status notNow(Status.Code code) {
    UnknownFieldSet entry = UnknownFieldSet.newBuilder().addField(1, text("incident")).addField(2, text("one")).build();
    var info =
        UnknownFieldSet.newBuilder()
            .addField(1, text("DEPENDENCY_UNAVAILABLE"))
            .addField(3, UnknownFieldSet.Field.newBuilder().addLengthDelimited(entry.toByteString()).build())
            .build();
    var invalid = BadRequest.FieldViolation.newBuilder().setField("parent").setDescription("is required");
    return com.google.rpc.Status.newBuilder()
        .setCode(code.value())
        .setMessage("not now")
        .addDetails(Any.newBuilder().setTypeUrl("type.googleapis.com/google.rpc.ErrorInfo").setValue(info.toByteString()))
        .addDetails(Any.pack(BadRequest.newBuilder().addFieldViolations(invalid).build()))
        .build();
  }

  private static UnknownFieldSet.Field text(String value) {
    return UnknownFieldSet.Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8(value)).build();
  }

  @Test
  public void everyCallCarriesTheTokenAndADeadline() throws Exception {
    failing(Status.Code.UNAVAILABLE, 0).credits().topUpCredit(TopUpCreditRequest.getDefaultInstance());
    assertEquals("Bearer secret", authorization);
    assertTrue(0 < remainingMs && remainingMs <= POLICY.timeout().toMillis());
  }

  @Test
  public void onlyUnavailableIsRetriedWithTheSameRequestId() throws Exception {
    failing(Status.Code.UNAVAILABLE, 2).credits().topUpCredit(TopUpCreditRequest.getDefaultInstance());
    assertEquals(3, requests.size());
    assertTrue(requests.get(0).getRequestId().matches("[0-9a-f]{8}-[0-9a-f]{4}-4.*"));
    assertEquals(1, requests.stream().map(TopUpCreditRequest::getRequestId).distinct().count());
    for (Status.Code code : List.of(Status.Code.INTERNAL, Status.Code.ABORTED, Status.Code.DEADLINE_EXCEEDED)) {
      requests.clear();
      MegaRouter router = failing(code, 1);
      var failure =
          assertThrows(
              StatusRuntimeException.class, () -> router.credits().topUpCredit(TopUpCreditRequest.getDefaultInstance()));
      assertEquals(code, failure.getStatus().getCode());
      assertEquals(1, requests.size());
    }
  }

  @Test
  public void attemptsEnd() throws Exception {
    MegaRouter router = failing(Status.Code.UNAVAILABLE, 9);
    assertThrows(StatusRuntimeException.class, () -> router.credits().topUpCredit(TopUpCreditRequest.getDefaultInstance()));
    assertEquals(4, requests.size());
  }

  @Test
  public void anErrorHasReasonMetadataAndFields() throws Exception {
    MegaRouter router = failing(Status.Code.INVALID_ARGUMENT, 1);
    var failure =
        assertThrows(StatusRuntimeException.class, () -> router.credits().topUpCredit(TopUpCreditRequest.getDefaultInstance()));
    var error = MegaRouterError.of(failure);
    assertEquals("DEPENDENCY_UNAVAILABLE", error.reason());
    assertEquals("not now", error.message());
    assertEquals(Map.of("incident", "one"), error.metadata());
    assertEquals(List.of(new MegaRouterError.FieldViolation("parent", "is required")), error.fieldViolations());
  }

  @Test
  public void pagesEndWithTheLastOne() throws Exception {
    MegaRouter router = failing(Status.Code.OK, 0);
    tokens.addAll(List.of("two", "three", ""));
    int fetched = 0;
    for (var page : Pages.of(router.credits()::listCreditTransactions, ListCreditTransactionsRequest.getDefaultInstance())) {
      fetched++;
    }
    assertEquals(3, fetched);
    assertEquals(List.of("", "two", "three"), asked);
  }

  @Test
  public void aRepeatedPageTokenIsAnError() throws Exception {
    MegaRouter router = failing(Status.Code.OK, 0);
    tokens.addAll(List.of("two", "two"));
    var pages = Pages.of(router.credits()::listCreditTransactions, ListCreditTransactionsRequest.getDefaultInstance()).iterator();
    pages.next();
    assertThrows(IllegalStateException.class, pages::next);
  }

  @Test
  public void theAddressIsChecked() {
    for (String address : List.of("", "host:1", "ftp://host", "https://user@host", "https://host/path", "https://host?query")) {
      assertThrows(address, IllegalArgumentException.class, () -> MegaRouter.connect(address, "secret"));
    }
  }
}
