import { Code, ConnectError } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../generated/google/rpc/error_details_pb.js";

/** An invalid field of the request. */
export interface FieldViolation {
  /** Path from the request, such as `api_key.display_name`. */
  readonly field: string;
  /** What is wrong with the field, for people. */
  readonly description: string;
}

/** A failed call. `message` is for people; the other properties are for programs. */
export class MegaRouterError extends Error {
  /** A value of `ErrorReason`, which never changes; empty if no MegaRouter service answered. */
  readonly reason: string;
  /** Details of the reason, such as `permission` and `resource`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly fieldViolations: readonly FieldViolation[];
  /** Milliseconds after which a retry may succeed; undefined if the service named none. */
  readonly retryAfterMs: number | undefined;
  readonly code: Code;

  constructor(override readonly cause: ConnectError) {
    const info = cause.findDetails(ErrorInfoSchema)[0];
    super(`${Code[cause.code]}${info ? ` (${info.reason})` : ""}: ${cause.rawMessage}`);
    this.name = "MegaRouterError";
    this.code = cause.code;
    this.reason = info?.reason ?? "";
    this.metadata = info?.metadata ?? {};
    this.fieldViolations = (cause.findDetails(BadRequestSchema)[0]?.fieldViolations ?? []).map(
      ({ field, description }) => ({ field, description }),
    );
    const delay = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.retryAfterMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
}
