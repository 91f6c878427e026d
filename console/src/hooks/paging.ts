import { startTransition, useState } from "react";

export const pageSize = 50;

/** The place in a list that the service pages by tokens. Earlier pages are found by their tokens again. */
export interface Paging {
  readonly token: string;
  readonly number: number;
  readonly next: (token: string) => void;
  readonly back: (() => void) | undefined;
}

/** Begins at the first page, again whenever `question` changes. The page shown stays until the next one has arrived. */
export function usePaging(question: string): Paging {
  const [seen, setSeen] = useState<{ question: string; tokens: readonly string[] }>({ question, tokens: [""] });
  const tokens = seen.question === question ? seen.tokens : [""];
  const go = (to: readonly string[]): void => startTransition(() => setSeen({ question, tokens: to }));
  return {
    token: tokens.at(-1) ?? "",
    number: tokens.length,
    next: (token) => go([...tokens, token]),
    back: tokens.length > 1 ? () => go(tokens.slice(0, -1)) : undefined,
  };
}
