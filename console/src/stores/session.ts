import { useSyncExternalStore } from "react";

/**
 * Who is signed in. It is in memory only: reloading the page signs out, and nothing that runs in the page later finds it in a storage.
 */
export interface Session {
  readonly token: string;
  /** Whether the page made the token for itself, so that it ends with the session. */
  readonly isOwn: boolean;
  /** Whether it could be that of an operator. A session by a sign-in link never is. */
  readonly mayOperate: boolean;
}

let session: Session | undefined;
const listeners = new Set<() => void>();

export function currentSession(): Session | undefined {
  return session;
}

export function setSession(next: Session | undefined): void {
  session = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): Session | undefined {
  return useSyncExternalStore(subscribe, currentSession);
}
