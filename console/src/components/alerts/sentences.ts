import { useLingui } from "@lingui/react/macro";

import type { Facts } from "./facts";

type Sentence = (facts: Facts) => string;

/** What each type of event says. The English is that of the service (`gateway_core/model/alerts/wording.py`). */
export function useAlertSentences(): Readonly<Record<string, Sentence>> {
  return { ...useBudgetSentences(), ...useCreditSentences(), ...useKeySentences(), ...usePeopleSentences(), ...useProviderSentences(), ...useSummarySentences() };
}

function useBudgetSentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  const budget: Sentence = ({ text }) => {
    const models = text("budget", "models");
    const of = { DAILY: t`daily budget`, WEEKLY: t`weekly budget`, MONTHLY: t`monthly budget` }[text("budget", "cycle")] ?? t`budget`;
    return models === "" ? of : t`${of} for ${models}`;
  };
  const threshold: Sentence = (facts) => {
    const [percent, amount] = [facts.text("threshold", "percent"), facts.amount("threshold", "amountNanoCredits")];
    return percent === "" ? t`${amount} credits` : t`${percent} %`;
  };
  return {
    "budget.threshold_reached": (facts) => {
      const [name, reached, of] = [facts.name, threshold(facts), budget(facts)];
      return t`${name} has used ${reached} of its ${of}`;
    },
    "budget.exhausted": (facts) => {
      const [name, of] = [facts.name, budget(facts)];
      return t`Calls of ${name} are refused: too little is left of its ${of}`;
    },
    "budget.recovered": (facts) => {
      const [name, reached, of] = [facts.name, threshold(facts), budget(facts)];
      return t`${name} is below ${reached} of its ${of} again`;
    },
    "budget.reset": (facts) => {
      const [name, of] = [facts.name, budget(facts)];
      return t`The ${of} of ${name} starts over`;
    },
    "spend.threshold_reached": (facts) => {
      const [name, reached] = [facts.name, threshold(facts)];
      return t`${name} has spent ${reached} this month`;
    },
  };
}

function useCreditSentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  return {
    "credit.low": ({ name, text, amount }) => {
      const [left, days] = [amount("credit", "leftNanoCredits"), text("credit", "daysLeft")];
      return days === "" ? t`${name} has ${left} credits left` : t`${name} has ${left} credits left, enough for ${days} days at the present rate`;
    },
    "credit.recovered": ({ name }) => t`${name} has enough credit again`,
    "credit.exhausted": ({ name }) => t`Calls of ${name} are refused: its credit is used up`,
    "credit.restored": ({ name }) => t`${name} has credit again`,
    "credit.topped_up": ({ name, amount }) => {
      const got = amount("amountNanoCredits");
      return t`${name} got ${got} credits`;
    },
  };
}

function useKeySentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  return {
    "key.created": ({ name, by }) => (by === "" ? t`API key ${name} was created` : t`API key ${name} was created by ${by}`),
    "key.disabled": ({ name, by }) => (by === "" ? t`API key ${name} was disabled` : t`API key ${name} was disabled by ${by}`),
    "key.deleted": ({ name, by }) => (by === "" ? t`API key ${name} was deleted` : t`API key ${name} was deleted by ${by}`),
    "key.expiring": ({ name, text }) => {
      const day = text("expireTime").slice(0, 10);
      return t`API key ${name} expires on ${day}`;
    },
    "key.unused": ({ name, text }) => {
      const days = text("days");
      return t`API key ${name} has not been used for ${days} days`;
    },
  };
}

function usePeopleSentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  return {
    "member.joined": ({ name }) => t`${name} has joined`,
    "member.removed": ({ name, by }) => (by === "" ? t`${name} was removed` : t`${name} was removed by ${by}`),
    "invite.used": ({ name }) => t`Somebody has joined ${name} by an invite`,
    "guardrail.changed": ({ name, by }) => (by === "" ? t`The limits of ${name} were changed` : t`The limits of ${name} were changed by ${by}`),
    "seats.threshold_reached": ({ name, text }) => {
      const [used, limit] = [text("seats", "used"), text("seats", "limit")];
      return t`${name} uses ${used} of ${limit} seats`;
    },
    "seats.recovered": ({ name }) => t`${name} has free seats again`,
    "keys.threshold_reached": ({ name, text }) => {
      const [used, limit] = [text("keys", "used"), text("keys", "limit")];
      return t`${name} has ${used} of ${limit} API keys`;
    },
    "keys.recovered": ({ name }) => t`${name} may create API keys again`,
    "rate_limit.sustained": ({ name, text }) => {
      const [refused, all] = [text("calls", "refused"), text("calls", "all")];
      return t`${refused} of ${all} calls of ${name} exceeded a request limit in five minutes`;
    },
    "rate_limit.ended": ({ name }) => t`Calls of ${name} are within the request limits again`,
  };
}

function useProviderSentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  const provider = (facts: Facts): string => facts.text("provider");
  return {
    "anomaly.found": ({ name, amount }) => {
      const [spent, expected] = [amount("spentNanoCredits"), amount("expectedNanoCredits")];
      return t`Unusual spend of ${name}: ${spent} credits, where ${expected} credits were expected`;
    },
    "usage.unconfirmed": (facts) => {
      const [name, to] = [facts.name, provider(facts)];
      return t`No report came about a call of ${name} to ${to}: the charge is an estimate`;
    },
    "usage.doubtful": (facts) => {
      const [name, who] = [facts.name, provider(facts)];
      return t`${who} reported doubtful usage about a call of ${name}`;
    },
    "provider.account_refused": (facts) => {
      const [who, reason] = [provider(facts), facts.text("reason")];
      return t`${who} refuses the gateway's account: ${reason}`;
    },
    "provider.account_accepted": (facts) => {
      const who = provider(facts);
      return t`${who} accepts the gateway's account again`;
    },
    "provider.down": (facts) => {
      const [who, percent] = [provider(facts), facts.text("failedPercent")];
      return t`${percent} % of the calls to ${who} fail`;
    },
    "provider.recovered": (facts) => {
      const who = provider(facts);
      return t`Calls to ${who} succeed again`;
    },
    "routing.returned": ({ text }) => {
      const [model, useCase] = [text("modelName"), text("useCase")];
      return t`${model} sends ${useCase} back to its baseline: routed answers were worse than allowed`;
    },
  };
}

function useSummarySentences(): Readonly<Record<string, Sentence>> {
  const { t } = useLingui();
  return {
    "summary.weekly": ({ name, nanoCredits, amount }) => {
      const [spent, before] = [amount("spentNanoCredits"), amount("spentBeforeNanoCredits")];
      return (nanoCredits("spentBeforeNanoCredits") ?? 0n) === 0n ? t`${name} has spent ${spent} credits in the last week` : t`${name} has spent ${spent} credits in the last week, after ${before} credits the week before`;
    },
    "summary.monthly": ({ name, nanoCredits, amount }) => {
      const [spent, before] = [amount("spentNanoCredits"), amount("spentBeforeNanoCredits")];
      return (nanoCredits("spentBeforeNanoCredits") ?? 0n) === 0n ? t`${name} has spent ${spent} credits in the last month` : t`${name} has spent ${spent} credits in the last month, after ${before} credits the month before`;
    },
    "savings.monthly": ({ name, nanoCredits, amount }) => {
      const saved = amount("savedNanoCredits");
      const cost = saved.replace(/^[-−]/, "");
      return (nanoCredits("savedNanoCredits") ?? 0n) < 0n ? t`Smart routing cost ${name} ${cost} credits more last month than its baseline models` : t`Smart routing saved ${name} ${saved} credits last month, compared with its baseline models`;
    },
    "alert.closed": ({ name }) => t`The alert about ${name} is over`,
    "channel.disabled": ({ name, text }) => {
      const reason = text("channel", "reason");
      return t`The channel ${name} was switched off: ${reason}`;
    },
    "export.ready": ({ name }) => t`The export ${name} is ready`,
    "export.failed": ({ name, text }) => {
      const reason = text("reason");
      return t`The export ${name} failed: ${reason}`;
    },
    digest: ({ name, text }) => {
      const count = text("digest", "count");
      return t`Alerts about ${name}: ${count}`;
    },
    test: () => t`This is a test: alerts arrive here`,
  };
}
