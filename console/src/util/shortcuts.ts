/** What a key does: goes to a page, shows the list of keys, begins a sequence, or nothing. */
export type Pressed = { readonly go: string } | "help" | "begin" | undefined;

/** Returns what a key does after another one. `places` are the second keys of `g`. */
export function pressed(before: string | undefined, key: string, places: readonly string[]): Pressed {
  if (before === "g") return places.includes(key) ? { go: key } : undefined;
  if (key === "?") return "help";
  return key === "g" ? "begin" : undefined;
}

/** Whether a key is meant for what has the focus, so that it must not do anything else. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.closest("[role=dialog], [role=listbox], [role=menu]") !== null);
}
