import { useSyncExternalStore } from "react";

/** A short word that something was done. What went wrong is said where it was tried, and never here. */
export interface Toast {
  readonly id: number;
  readonly text: string;
}

const shownMs = 5_000;
const mostShown = 3;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function say(text: string): void {
  const id = ++lastId;
  set([...toasts, { id, text }].slice(-mostShown));
  window.setTimeout(() => dismiss(id), shownMs);
}

export function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(subscribe, () => toasts);
}
