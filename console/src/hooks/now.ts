import { useState } from "react";

const stepMs = 60_000;

/** The time at which the page was opened, to the minute, so that its questions stay the same while it is shown. */
export function useNow(): Date {
  const [now] = useState(() => new Date(Math.ceil(Date.now() / stepMs) * stepMs));
  return now;
}
