import { Guardrail_Cycle, MemberRowResult_Action, type MemberRowResult_Change, Role } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { useRoleName } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { useCycleName } from "../../hooks/limits";
import { formatCredits } from "../../util/credits";
import type { TableProblem } from "../../util/member_rows";

/** What the page of an import says about rows and cells. */
export function useImportWords() {
  const { t } = useLingui();
  const language = useLanguage();
  const roleName = useRoleName();
  const cycleName = useCycleName();
  const fields: Record<string, string> = { role: t`role`, group: t`group`, budget_nano_credits: t`budget`, cycle: t`cycle`, requests_per_minute: t`requests per minute`, model_whitelist: t`models`, rollover: t`rollover` };
  const valueOf = (field: string, text: string): string => {
    if (text === "") return t`none`;
    if ((field === "budget_nano_credits" || field === "rollover") && /^\d+$/.test(text)) return formatCredits(BigInt(text), language);
    if (field === "role") return roleName(Role[text.replace("ROLE_", "") as keyof typeof Role] ?? Role.UNSPECIFIED) || text;
    if (field === "cycle") return cycleName(Guardrail_Cycle[text.replace("CYCLE_", "") as keyof typeof Guardrail_Cycle] ?? Guardrail_Cycle.UNSPECIFIED);
    return text;
  };
  return {
    actionName: (action: MemberRowResult_Action): string =>
      ({
        [MemberRowResult_Action.UNSPECIFIED]: "", [MemberRowResult_Action.NONE]: t`Nothing`, [MemberRowResult_Action.INVITE]: t`Invite`,
        [MemberRowResult_Action.CHANGE]: t`Change`, [MemberRowResult_Action.ERROR]: t`Error`,
      })[action],
    changeText: ({ field, before, after }: MemberRowResult_Change): string => {
      const name = fields[field] ?? field;
      return before === "" ? `${name}: ${valueOf(field, after)}` : `${name}: ${valueOf(field, before)} → ${valueOf(field, after)}`;
    },
    problemText: ({ kind, line, text }: TableProblem): string =>
      ({
        "no-rows": t`The table needs a line of column names and at least one row.`, "no-address-column": t`The table has no column "address".`,
        "unknown-column": t`There is no column "${text}".`, address: t`Line ${line}: "${text}" is not an e-mail address.`,
        role: t`Line ${line}: the role "${text}" is not super-admin, l1-admin, sub-admin, or member.`, budget: t`Line ${line}: the budget "${text}" is not an amount such as 25.50.`,
        cycle: t`Line ${line}: the cycle "${text}" is not never, daily, weekly, or monthly.`, rollover: t`Line ${line}: the rollover "${text}" is not on, none, or an amount.`,
        rpm: t`Line ${line}: "${text}" is not a whole number.`,
      })[kind],
  };
}
