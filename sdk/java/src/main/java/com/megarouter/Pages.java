package com.megarouter;

import com.google.protobuf.Message;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;

/**
 * Every page of a list: {@code for (var page : Pages.of(router.apiKeys()::listApiKeys, request))}. Fetches pages as they are needed.
 *
 * @param <Q> the request
 * @param <R> one page
 */
public final class Pages<Q extends Message, R extends Message> implements Iterable<R> {
  private final Function<Q, R> method;
  private final Q request;

  private Pages(Function<Q, R> method, Q request) {
    this.method = method;
    this.request = request;
  }

  /** Returns the pages of a list. Set {@code page_size} in the request. */
  public static <Q extends Message, R extends Message> Pages<Q, R> of(Function<Q, R> method, Q request) {
    return new Pages<>(method, request);
  }

  /** Starts at the first page. {@code next} throws a {@code StatusRuntimeException} if a page cannot be fetched. */
  @Override
  public Iterator<R> iterator() {
    return new Iterator<>() {
      private Q asked = request;
      private boolean done;

      @Override
      public boolean hasNext() {
        return !done;
      }

      @Override
      @SuppressWarnings("unchecked")
      public R next() {
        if (done) {
          throw new NoSuchElementException("that was the last page");
        }
        R page = method.apply(asked);
        String token = (String) page.getField(page.getDescriptorForType().findFieldByName("next_page_token"));
        var field = asked.getDescriptorForType().findFieldByName("page_token");
        if (!token.isEmpty() && token.equals(asked.getField(field))) {
          throw new IllegalStateException(
              "the service repeated a page token, so the list would not end; report this to the operator of the gateway");
        }
        done = token.isEmpty();
        asked = (Q) asked.toBuilder().setField(field, token).build();
        return page;
      }
    };
  }
}
