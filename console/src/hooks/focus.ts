import { useLayoutEffect } from "react";

/**
 * Gives the focus back to where it was when a dialog closes: to the page, if that is gone or was nowhere. The dialogs' own way back
 * does not know of one that is open from its beginning, or that is taken away when it closes.
 */
export function useFocusReturn(opened: boolean): void {
  useLayoutEffect(() => {
    if (!opened) return undefined;
    const before = document.activeElement;
    return () => {
      // The dialog is in the page until its transition ends, and keeps the focus inside until then.
      setTimeout(() => {
        if (document.activeElement !== null && document.activeElement !== document.body && document.activeElement.closest("[role=dialog]") === null) return;
        const target = before instanceof HTMLElement && before !== document.body && before.isConnected ? before : document.getElementById("main");
        target?.focus({ preventScroll: true });
      }, returnMs);
    };
  }, [opened]);
}

const returnMs = 20;
