import type { Transport } from "@connectrpc/connect";
import { governedTransport } from "@megarouter/admin/web";

import { currentSession, setSession } from "../stores/session";
import { isSignedOut } from "./errors";

/** Calls the admin API at the address of the page itself, with the session's token. A refused token ends the session. */
export const transport: Transport = {
  async unary(method, signal, timeoutMs, header, input, contextValues) {
    const session = currentSession();
    const headers = new Headers(header);
    try {
      return await governed(session?.token ?? "").unary(method, signal, timeoutMs, headers, input, contextValues);
    } catch (error) {
      if (session !== undefined && session === currentSession() && isSignedOut(error)) setSession(undefined);
      throw error;
    }
  },
  stream: () => Promise.reject(new Error("the admin API has no streaming methods")),
};

/** Returns a transport with another token, for signing in. */
export function governed(token: string): Transport {
  return governedTransport(window.location.origin, token);
}
