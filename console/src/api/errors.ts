import { Code, MegaRouterError } from "@megarouter/admin";

export function isSignedOut(error: unknown): boolean {
  return error instanceof MegaRouterError && error.code === Code.Unauthenticated;
}

export function isDenied(error: unknown): boolean {
  return error instanceof MegaRouterError && error.code === Code.PermissionDenied;
}

export function isInvalid(error: unknown): boolean {
  return error instanceof MegaRouterError && error.code === Code.InvalidArgument;
}

/** The id that the gateway gave the call; empty if it never arrived there. */
export function requestIdOf(error: unknown): string {
  return error instanceof MegaRouterError ? (error.cause.metadata.get("x-request-id") ?? "") : "";
}

/** The service's own sentence, without the code before it. */
export function messageOf(error: unknown): string {
  if (error instanceof MegaRouterError) return error.cause.rawMessage;
  return error instanceof Error ? error.message : String(error);
}

/** What is wrong with each field of the request, by its path. */
export function violationsOf(error: unknown): ReadonlyMap<string, string> {
  return new Map(error instanceof MegaRouterError ? error.fieldViolations.map(({ field, description }) => [field, description]) : []);
}

/** The value of `ErrorReason`, such as `ETAG_MISMATCH`; empty if no service of ours answered. */
export function reasonOf(error: unknown): string {
  return error instanceof MegaRouterError ? error.reason : "";
}
