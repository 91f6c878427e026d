import { Plural, Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";

import { useLanguage } from "../../hooks/language";
import { useRefusalReason } from "../../hooks/refusals";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import type { Refused, TooSmall } from "./refused";

/** The codes whose errors say more than their details: what is wrong with which parameter, for instance. */
const explainedByMessage: ReadonlySet<string> = new Set(["invalid_parameter", "unreadable_body", "endpoint_not_supported"]);

/** Why a call was refused, in the language of the page. A code that the console does not know has the gateway's sentence. */
export function RefusalWords({ of }: { readonly of: Refused }) {
  const reason = useRefusalReason()(of.code);
  const isKnown = of.code !== "" && reason !== of.code;
  const { retryAfterS = 0 } = of;
  if (!isKnown) return <Text size="sm" style={{ overflowWrap: "anywhere" }}>{of.message}</Text>;
  return (
    <>
      <Text size="sm" fw={600}>{reason}</Text>
      {of.budget !== undefined && <Budget of={of.budget} />}
      {retryAfterS > 0 && <Text size="sm"><Plural value={retryAfterS} one="Try again in # second." other="Try again in # seconds." /></Text>}
      {explainedByMessage.has(of.code) && <Text size="sm" style={{ overflowWrap: "anywhere" }}>{of.message}</Text>}
    </>
  );
}

function Budget({ of }: { readonly of: TooSmall }) {
  const language = useLanguage();
  const limit = formatCredits(of.limitNanoCredits, language, 2);
  return (
    <>
      {of.models !== "" && <Text size="sm"><Trans>It counts only {of.models}.</Trans></Text>}
      <Text size="sm" className="figures">
        {of.leftNanoCredits === undefined ? <Trans>The budget is {limit} credits.</Trans> : <Trans>{formatCredits(of.leftNanoCredits, language, 2)} of {limit} credits are left, too little for this call.</Trans>}
      </Text>
      {of.resetTime !== undefined && <Text size="sm"><Trans>It starts over on <Time value={of.resetTime} />.</Trans></Text>}
    </>
  );
}
