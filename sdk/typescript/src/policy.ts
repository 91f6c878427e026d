import { type DescMessage, type MessageShape, clone } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";

import type { MegaRouterError } from "./errors.js";

/** The deadline and retries of a call. */
export interface CallPolicy {
  /** Default deadline of a call, including all its attempts. */
  readonly timeoutMs: number;
  /** Maximum number of attempts. Only `Unavailable` is retried (AIP-194). */
  readonly maxAttempts: number;
  /** Maximum pause before the second attempt. It doubles with each further attempt. */
  readonly firstBackoffMs: number;
  /** Maximum pause before any attempt, even if the service asks for a longer one. */
  readonly maxBackoffMs: number;
}

export const defaultPolicy: CallPolicy = { timeoutMs: 30_000, maxAttempts: 4, firstBackoffMs: 100, maxBackoffMs: 2_000 };

/**
 * Returns the milliseconds to wait after a failed attempt, or undefined if the failure is final.
 *
 * @param attempt the number of attempts made so far, from 1
 * @param remainingMs milliseconds until the deadline
 * @param draw returns a random number from 0 to 1, so that clients that failed together do not retry together
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
 * Returns a request that is safe to retry (AIP-155): a copy with a new `request_id` if it has such a field and it is empty.
 * The caller's message is not modified.
 */
export function withRequestId<I extends DescMessage>(schema: I, request: MessageShape<I>): MessageShape<I> {
  const field = schema.fields.find(({ name }) => name === "request_id");
  if (field === undefined || (request as Record<string, unknown>)[field.localName]) return request;
  return Object.assign(clone(schema, request), { [field.localName]: crypto.randomUUID() });
}
