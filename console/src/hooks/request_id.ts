import { useState } from "react";

/**
 * Returns a UUID (version 4) that stays the same while a person repeats one request, so that the service does what it asks for once. Another request
 * gets another one.
 */
export function useRequestId(request: string): string {
  const [kept, setKept] = useState(() => ({ request, id: newRequestId() }));
  if (kept.request === request) return kept.id;
  const next = { request, id: newRequestId() };
  setKept(next);
  return next.id;
}

/** Makes a UUID (version 4). `crypto.randomUUID` is missing on pages without TLS, other than those of this machine. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}
