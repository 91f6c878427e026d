package com.megarouter;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The deadline and the retries of a call. Only UNAVAILABLE is retried.
 *
 * @param timeout the deadline of a call that sets none, including all its attempts
 * @param maxAttempts the maximum number of attempts, at least 2; gRPC makes at most 5
 * @param firstBackoff the maximum pause before the second attempt; it doubles with each further attempt
 * @param maxBackoff the maximum pause before any attempt
 */
public record CallPolicy(Duration timeout, int maxAttempts, Duration firstBackoff, Duration maxBackoff) {
  /** 30 seconds, 4 attempts, and pauses that grow from 0.1 to 2 seconds. */
  public static final CallPolicy DEFAULT =
      new CallPolicy(Duration.ofSeconds(30), 4, Duration.ofMillis(100), Duration.ofSeconds(2));

  Map<String, ?> serviceConfig() {
    Map<String, ?> retries =
        Map.of(
            "maxAttempts", (double) maxAttempts,
            "initialBackoff", seconds(firstBackoff),
            "maxBackoff", seconds(maxBackoff),
            "backoffMultiplier", 2.0,
            "retryableStatusCodes", List.of("UNAVAILABLE"));
    return Map.of("methodConfig", List.of(Map.of("name", List.of(Map.of()), "retryPolicy", retries)));
  }

  private static String seconds(Duration pause) {
    return "%d.%09ds".formatted(pause.getSeconds(), pause.getNano());
  }
}
