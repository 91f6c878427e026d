package com.megarouter;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.UUID;

/** Makes requests safe to retry. */
final class RequestIds {
  private RequestIds() {}

  /** Returns a copy with a new {@code request_id} if the message has such a field and it is empty. */
  @SuppressWarnings("unchecked")
  static <Q> Q identified(Q message) {
    if (!(message instanceof Message request)) {
      return message;
    }
    FieldDescriptor field = request.getDescriptorForType().findFieldByName("request_id");
    if (field == null || field.getType() != FieldDescriptor.Type.STRING || !((String) request.getField(field)).isEmpty()) {
      return message;
    }
    return (Q) request.toBuilder().setField(field, UUID.randomUUID().toString()).build();
  }
}
