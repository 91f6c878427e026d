package com.megarouter;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Every service of the admin API, such as {@code router.apiKeys().getApiKey(request)}. Threads may share a client.
 *
 * <p>A failed call throws a {@code StatusRuntimeException}; {@link MegaRouterError#of} reads its reason and details.
 */
public final class MegaRouter extends Services implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final ManagedChannel channel;

  private MegaRouter(ManagedChannel channel, String token, CallPolicy policy) {
    super(ClientInterceptors.intercept(channel, new Calls(token, policy)));
    this.channel = channel;
  }

  /**
   * Returns a client, which connects on its first call.
   *
   * @param address {@code https://host[:port]}, or {@code http://host[:port]}, which sends the token unencrypted; use it only on one
   *     machine
   * @param token an access token
   * @throws IllegalArgumentException if the address is malformed
   */
  public static MegaRouter connect(String address, String token) {
    return connect(address, token, CallPolicy.DEFAULT);
  }

  /** Returns a client with its own deadline and retries. */
  public static MegaRouter connect(String address, String token, CallPolicy policy) {
    URI parsed = parse(address);
    boolean encrypted = parsed.getScheme().equals("https");
    int port = parsed.getPort() > 0 ? parsed.getPort() : encrypted ? 443 : 80;
    ManagedChannelBuilder<?> builder = ManagedChannelBuilder.forAddress(parsed.getHost(), port);
    return over(encrypted ? builder : builder.usePlaintext(), token, policy);
  }

  /** Returns a client over a channel that you configure, for example with TLS of your own. */
  public static MegaRouter over(ManagedChannelBuilder<?> builder, String token, CallPolicy policy) {
    return new MegaRouter(builder.defaultServiceConfig(policy.serviceConfig()).enableRetry().build(), token, policy);
  }

  /** Returns a client of the environment variables MEGAROUTER_ADMIN_URL and MEGAROUTER_ADMIN_TOKEN. */
  public static MegaRouter fromEnvironment() {
    return connect(variable("MEGAROUTER_ADMIN_URL"), variable("MEGAROUTER_ADMIN_TOKEN"));
  }

  private static String variable(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalStateException("set the environment variable " + name);
    }
    return value;
  }

  private static URI parse(String address) {
    try {
      URI parsed = new URI(address);
      boolean known = "https".equals(parsed.getScheme()) || "http".equals(parsed.getScheme());
      boolean bare = parsed.getUserInfo() == null && parsed.getQuery() == null;
      if (known && bare && parsed.getHost() != null && List.of("", "/").contains(parsed.getPath())) {
        return parsed;
      }
    } catch (URISyntaxException malformed) {
      // The same answer as for every other malformed address.
    }
    throw new IllegalArgumentException("the address must look like https://host:port, not \"" + address + "\"");
  }

  /** Ends calls under way, and closes the connection. */
  @Override
  public void close() {
    channel.shutdownNow();
    try {
      channel.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Gives every call its token, deadline and request id. gRPC itself retries, as the policy's service config says. */
  private static final class Calls implements ClientInterceptor {
    private final String token;
    private final CallPolicy policy;

    Calls(String token, CallPolicy policy) {
      this.token = token;
      this.policy = policy;
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
      CallOptions limited =
          options.getDeadline() == null
              ? options.withDeadlineAfter(policy.timeout().toMillis(), TimeUnit.MILLISECONDS)
              : options;
      return new SimpleForwardingClientCall<Q, R>(next.newCall(method, limited)) {
        @Override
        public void start(Listener<R> listener, Metadata headers) {
          headers.put(AUTHORIZATION, "Bearer " + token);
          super.start(listener, headers);
        }

        @Override
        public void sendMessage(Q message) {
          super.sendMessage(RequestIds.identified(message));
        }
      };
    }
  }
}
