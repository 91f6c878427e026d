import { useEffect, useRef } from "react";

import { isTyping, pressed } from "../util/shortcuts";

const pauseMs = 1_500;

interface Shortcuts {
  /** The second keys of `g`. */
  readonly places: readonly string[];
  readonly go: (key: string) => void;
  readonly help: () => void;
}

/** Listens to single keys: `?` and `g` with another one. Nothing happens while somebody types. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    let before: string | undefined;
    let beganMs = 0;
    const listen = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const found = pressed(event.timeStamp - beganMs < pauseMs ? before : undefined, event.key, latest.current.places);
      before = found === "begin" ? event.key : undefined;
      beganMs = event.timeStamp;
      if (found === undefined) return;
      event.preventDefault();
      if (found === "help") latest.current.help();
      else if (found !== "begin") latest.current.go(found.go);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
