import { type DescMessage, type MessageShape, clone } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";

import type { MegaRouterError } from "./errors.js";

/** Bounds of a call, whatever the service. */
export interface CallPolicy {
  /** Deadline of a call that names none, all its attempts included. */
  readonly timeoutMs: number;
  /** How often a call is tried. Only `Unavailable` is tried again (AIP-194). */
  readonly maxAttempts: number;
  /** Longest pause before the second attempt; it doubles with each further one. */
  readonly firstBackoffMs: number;
  /** Longest pause of all, also where the service asks for a longer one. */
  readonly maxBackoffMs: number;
}

export const defaultPolicy: CallPolicy = { timeoutMs: 30_000, maxAttempts: 4, firstBackoffMs: 100, maxBackoffMs: 2_000 };

/**
 * Milliseconds to wait after a failed attempt; undefined when the failure is final.
 *
 * @param attempt how many were made, from 1
 * @param remainingMs until the deadline
 * @param draw a random number from 0 to 1, so that clients that failed together do not return together
 */
export function pauseBeforeRetryMs(
  policy: CallPolicy, error: MegaRouterError, attempt: number, remainingMs: number, draw: () => number,
): number | undefined {
  if (error.code !== Code.Unavailable || attempt >= policy.maxAttempts) return undefined;
  const longest = Math.min(policy.firstBackoffMs * 2 ** (attempt - 1), policy.maxBackoffMs);
  const pause = Math.max(longest * draw(), Math.min(error.retryAfterMs ?? 0, policy.maxBackoffMs));
  return pause < remainingMs ? pause : undefined;
}

/**
 * A request that can be repeated without doing its work twice (AIP-155): one without its `request_id` gets one.
 * The caller's own message is left as it is.
 */
export function withRequestId<I extends DescMessage>(schema: I, request: MessageShape<I>): MessageShape<I> {
  const field = schema.fields.find(({ name }) => name === "request_id");
  if (field === undefined || (request as Record<string, unknown>)[field.localName]) return request;
  return Object.assign(clone(schema, request), { [field.localName]: crypto.randomUUID() });
}
