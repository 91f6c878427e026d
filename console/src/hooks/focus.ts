import { useLayoutEffect } from "react";

/** A dialog that has closed, and to what the focus goes back in a moment. */
interface Return {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly before: Element | null;
}

let due: Return | undefined;

/**
 * Gives the focus back to where it was when a dialog closes: to the page, if that is gone or was nowhere. The dialogs' own way back
 * does not know of one that is open from its beginning, or that is taken away when it closes. A dialog that opens before the focus
 * has gone back keeps it, and gives it back to the same place.
 */
export function useFocusReturn(opened: boolean): void {
  useLayoutEffect(() => {
    if (!opened) return undefined;
    const before = due === undefined ? document.activeElement : due.before;
    clearTimeout(due?.timer);
    due = undefined;
    return () => {
      // The dialog is in the page until its transition ends, and keeps the focus inside until then.
      due = { before, timer: setTimeout(() => { due = undefined; giveBack(before); }, returnMs) };
    };
  }, [opened]);
}

function giveBack(before: Element | null): void {
  if (document.activeElement !== null && document.activeElement !== document.body && document.activeElement.closest("[role=dialog]") === null) return;
  const target = before instanceof HTMLElement && before !== document.body && before.isConnected ? before : document.getElementById("main");
  target?.focus({ preventScroll: true });
}

const returnMs = 20;
