import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";
import type { ReactNode } from "react";

import { Amount } from "./Amount";

interface SpentProps {
  readonly nanoCredits: bigint;
  readonly budget: bigint | undefined;
  /** What is carried into the cycle of the budget. */
  readonly carried?: bigint;
  readonly decimals?: number;
}

/** What was spent of a budget in its cycle. Without a budget the service counts all that was ever spent, and this says so. */
export function Spent({ nanoCredits, budget, carried = 0n, decimals }: SpentProps) {
  const places = decimals === undefined ? {} : { decimals };
  return (
    <>
      <Whole><Amount nanoCredits={nanoCredits} {...places} /></Whole>{" "}
      <Whole><Text span inherit c="dimmed">{budget === undefined ? <Trans>in total</Trans> : <>/ <Amount nanoCredits={budget + carried} decimals={2} /></>}</Text></Whole>
    </>
  );
}

/** A part that stays on one line. Between two of them a narrow table may break. */
function Whole({ children }: { readonly children: ReactNode }) {
  return <span style={{ whiteSpace: "nowrap" }}>{children}</span>;
}
