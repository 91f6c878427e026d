import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type CreditBalance, type CreditLine, Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Checkbox, Group, Stack, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";

import { ErrorNotice } from "../components/ErrorNotice";
import { useParent } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { useRequestId } from "../hooks/request_id";
import { useSaving } from "../hooks/saving";
import { SentenceGap } from "../ui/SentenceGap";
import { Surface } from "../ui/Surface";
import { formatCredits, parseCredits } from "../util/credits";

export type Move = "top-up" | "adjustment" | "refund";

interface Wanted {
  readonly amount: string;
  readonly reason: string;
  readonly allowOverdraft: boolean;
}

/** Moves credit into the pool or out of it, once for what is filled in. `onDone` gets the name of what was made. */
export function MoveCredit({ move, onDone }: { readonly move: Move; readonly onDone: (name: string) => void }) {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const { data: balance } = useSuspenseQuery(Credits.method.getCreditBalance, { name: `${parent}/creditBalance` });
  const { data: line } = useSuspenseQuery(Credits.method.getCreditLine, { name: `${parent}/creditLine` });
  const [wanted, setWanted] = useState<Wanted>({ amount: "", reason: "", allowOverdraft: false });
  const [checked, setChecked] = useState(false);
  const moving = useMove(move, JSON.stringify(wanted));
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const amount = amountOf(wanted.amount, move);
  const isTaking = move === "refund" || (amount ?? 0n) < 0n;
  const problems = {
    amount: amount === undefined || amount === 0n ? (move === "adjustment" ? t`Enter an amount such as 25, 0.5, or -10.` : t`Enter an amount such as 25 or 0.5.`) : undefined,
    reason: move !== "top-up" && wanted.reason.trim() === "" ? t`Say why: the statement shows it.` : undefined,
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (amount === undefined || Object.values(problems).some((problem) => problem !== undefined)) return;
    moving.send({ parent, amountNanoCredits: amount, reason: wanted.reason.trim(), allowOverdraft: wanted.allowOverdraft }, onDone);
  };
  const shown = amount === undefined ? "" : formatCredits(amount < 0n ? -amount : amount, language);
  const verb = { "top-up": <Trans>Add {shown} credits</Trans>, adjustment: isTaking ? <Trans>Take {shown} credits</Trans> : <Trans>Give {shown} credits</Trans>, refund: <Trans>Refund {shown} credits</Trans> }[move];
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={560}>
          {moving.isError && <ErrorNotice error={moving.error} />}
          <TextInput
            label={t`Amount in credits`} description={move === "adjustment" ? t`A negative amount takes credit` : undefined} required autoFocus inputMode={move === "adjustment" ? "text" : "decimal"} value={wanted.amount}
            onChange={(event) => change({ amount: event.currentTarget.value })} error={(checked ? problems.amount : undefined) ?? moving.violation("amount_nano_credits")}
          />
          <TextInput
            label={t`Reason`} description={t`Shown in the ledger and the statement`} required={move !== "top-up"} maxLength={200} value={wanted.reason}
            onChange={(event) => change({ reason: event.currentTarget.value })} error={(checked ? problems.reason : undefined) ?? moving.violation("reason")}
          />
          {isTaking && (
            <Checkbox
              label={t`Take it even if running calls then have too little credit`} description={t`The balance may become negative.`} checked={wanted.allowOverdraft}
              onChange={(event) => change({ allowOverdraft: event.currentTarget.checked })}
            />
          )}
          {amount !== undefined && amount !== 0n && <Effect move={move} amount={move === "refund" ? -amount : amount} balance={balance} line={line} />}
          <Group><Button type="submit" loading={moving.isPending} {...(isTaking ? { color: "red" } : {})}>{shown === "" ? <Trans>Continue</Trans> : verb}</Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}

function amountOf(text: string, move: Move): bigint | undefined {
  const typed = text.trim().replace(/^[−-]/, "-");
  if (move === "adjustment" && typed.startsWith("-")) {
    const taken = parseCredits(typed.slice(1));
    return taken === undefined ? undefined : -taken;
  }
  return parseCredits(typed);
}

interface Asked {
  readonly parent: string;
  readonly amountNanoCredits: bigint;
  readonly reason: string;
  readonly allowOverdraft: boolean;
}

interface Moving {
  readonly isPending: boolean;
  readonly isError: boolean;
  readonly error: unknown;
  readonly violation: (field: string) => string | undefined;
  readonly send: (asked: Asked, done: (name: string) => void) => void;
}

/** The three calls as one: what is sent, and the name of what was made. */
function useMove(move: Move, request: string): Moving {
  const requestId = useRequestId(`${move} ${request}`);
  const topUp = useSaving(Credits.method.topUpCredit);
  const adjust = useSaving(Credits.method.adjustCredit);
  const refund = useSaving(Credits.method.refundCredit);
  const { isPending, isError, error, violation } = { "top-up": topUp, adjustment: adjust, refund }[move];
  const send = (asked: Asked, done: (name: string) => void): void => {
    const { parent, amountNanoCredits, reason } = asked;
    if (move === "top-up") {
      topUp.save({ parent, amountNanoCredits, reason, requestId }, ({ topUp: made, topUpRequest }) => done(topUpRequest?.name ?? `${parent}/creditTransactions/${made?.ledgerSequence ?? 0n}`));
    } else {
      const { save } = move === "adjustment" ? adjust : refund;
      save({ ...asked, requestId }, ({ creditTransaction }) => done(creditTransaction?.name ?? ""));
    }
  };
  return { isPending, isError, error, violation, send };
}

/** Says what the move will do before it is made. */
function Effect({ move, amount, balance, line }: { readonly move: Move; readonly amount: bigint; readonly balance: CreditBalance; readonly line: CreditLine }) {
  const language = useLanguage();
  const format = (nanoCredits: bigint): string => formatCredits(nanoCredits, language, 2);
  const left = line.lineNanoCredits - line.usedNanoCredits;
  const usesLine = !line.isUnlimited && amount > 0n;
  if (usesLine && amount > left && move === "top-up") {
    return <Note color="orange" title={<Trans>This is beyond the credit line</Trans>}><Trans>{format(left)} credits of it are left. The top-up becomes a request: no credit moves until an operator of the deployment approves it.</Trans></Note>;
  }
  if (usesLine && amount > left) {
    return <Note color="orange" title={<Trans>This is beyond the credit line</Trans>}><Trans>{format(left)} credits of it are left, so the adjustment is refused. Ask an operator of the deployment for a grant.</Trans></Note>;
  }
  const after = balance.balanceNanoCredits + amount;
  return (
    <Note color={after < 0n ? "orange" : "accent"} title={<Trans>What happens</Trans>}>
      <Trans>The balance changes from {format(balance.balanceNanoCredits)} to {format(after)} credits.</Trans><SentenceGap />
      {usesLine && <Trans>Of the credit line, {format(left - amount)} credits are left after that.</Trans>}<SentenceGap />
      {amount < 0n && balance.heldNanoCredits > 0n && <Trans>Running calls hold {format(balance.heldNanoCredits)} credits.</Trans>}
    </Note>
  );
}

function Note({ color, title, children }: { readonly color: string; readonly title: ReactNode; readonly children: ReactNode }) {
  return <Alert color={color} variant="light" title={title} className="figures" role="status">{children}</Alert>;
}
