import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { BudgetUse, ExplainAccessResponse } from "@megarouter/admin";

import type { LimitInError } from "../../api/chat";

/** A budget that is too small for a call. */
export interface TooSmall {
  /** The models that it counts; empty for all. */
  readonly models: string;
  readonly limitNanoCredits: bigint;
  /** Undefined if the caller may not see it. */
  readonly leftNanoCredits: bigint | undefined;
  readonly resetTime: Timestamp | undefined;
}

/** Why a call was refused, or would be, without its words. */
export interface Refused {
  readonly code: string;
  /** The gateway's own sentence, in English. */
  readonly message: string;
  readonly budget?: TooSmall | undefined;
  /** When to try again; 0 if the gateway does not say. */
  readonly retryAfterS?: number;
}

/** The narrowest budget of a refusal; undefined if it is about another limit, or about the credit. */
export function budgetIn([first]: readonly LimitInError[]): TooSmall | undefined {
  if (first?.limit_nano_credits === undefined) return undefined;
  const limitNanoCredits = BigInt(first.limit_nano_credits) + BigInt(first.carried_nano_credits ?? 0);
  const { used_nano_credits: used, held_nano_credits: held, reset_time_epoch_seconds: reset } = first;
  return {
    models: first.models ?? "", limitNanoCredits, leftNanoCredits: used === undefined ? undefined : left(limitNanoCredits - BigInt(used) - BigInt(held ?? 0)),
    resetTime: typeof reset === "number" ? timestampFromMs(reset * 1000) : undefined,
  };
}

/** What an explanation says, in the same form. */
export function refusedIn(answer: ExplainAccessResponse): Refused {
  const scope = answer.scopes.find(({ guardrail }) => guardrail === answer.stoppedBy);
  const budgets: readonly (readonly [string, BudgetUse | undefined])[] = [["", scope?.budget], ...(scope?.modelBudgets ?? []).map(({ models, budget }) => [models, budget] as const)];
  const [models, budget] = budgets.find(([, one]) => one !== undefined && !one.fits && !one.softOnly) ?? [];
  return {
    code: answer.reason, message: answer.message,
    budget: budget && {
      models: models ?? "", limitNanoCredits: budget.limitNanoCredits, leftNanoCredits: scope?.figuresHidden === true ? undefined : left(budget.remainingNanoCredits), resetTime: budget.resetTime,
    },
  };
}

function left(nanoCredits: bigint): bigint {
  return nanoCredits > 0n ? nanoCredits : 0n;
}
