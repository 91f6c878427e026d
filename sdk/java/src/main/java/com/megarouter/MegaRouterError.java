package com.megarouter;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a failed call says to a program.
 *
 * @param code the gRPC code
 * @param message the sentence of the service, for people
 * @param reason the name of a value of {@code ErrorReason}, which never changes; empty if no MegaRouter service answered
 * @param metadata details of the reason, such as {@code permission} and {@code resource}
 * @param fieldViolations the invalid fields of the request
 * @param retryAfter when a retry may succeed; zero if the service named no time
 */
public record MegaRouterError(
    Status.Code code,
    String message,
    String reason,
    Map<String, String> metadata,
    List<FieldViolation> fieldViolations,
    Duration retryAfter) {

  /**
   * An invalid field of the request.
   *
   * @param field the path from the request, such as {@code api_key.display_name}
   * @param description what is wrong with the field
   */
  public record FieldViolation(String field, String description) {}

  /** Reads the error of a failed call. */
  public static MegaRouterError of(StatusRuntimeException failure) {
    String reason = "";
    Map<String, String> metadata = Map.of();
    List<FieldViolation> violations = new ArrayList<>();
    Duration retryAfter = Duration.ZERO;
    com.google.rpc.Status answer = StatusProto.fromThrowable(failure);
    for (Any detail : answer == null ? List.<Any>of() : answer.getDetailsList()) {
      try {
        if (detail.getTypeUrl().endsWith("/google.rpc.ErrorInfo")) {
          UnknownFieldSet info = UnknownFieldSet.parseFrom(detail.getValue());
          reason = text(info, 1);
          metadata = entries(info);
        } else if (detail.is(BadRequest.class)) {
          for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            violations.add(new FieldViolation(violation.getField(), violation.getDescription()));
          }
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException unreadable) {
        // A detail that cannot be read leaves the code and the message, which always can.
      }
    }
    String message = failure.getStatus().getDescription();
    return new MegaRouterError(
        failure.getStatus().getCode(), message == null ? "" : message, reason, metadata, List.copyOf(violations), retryAfter);
  }

  // google.rpc.ErrorInfo is read by its field numbers: the Java package of common protos in some distributions is older than it.
  private static Map<String, String> entries(UnknownFieldSet info) throws InvalidProtocolBufferException {
    Map<String, String> found = new LinkedHashMap<>();
    for (var encoded : info.getField(3).getLengthDelimitedList()) {
      UnknownFieldSet entry = UnknownFieldSet.parseFrom(encoded);
      found.put(text(entry, 1), text(entry, 2));
    }
    return Map.copyOf(found);
  }

  private static String text(UnknownFieldSet message, int number) {
    var values = message.getField(number).getLengthDelimitedList();
    return values.isEmpty() ? "" : values.get(values.size() - 1).toStringUtf8();
  }
}
