import { type Guardrail, Guardrail_Mode } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { List, Stack, Text } from "@mantine/core";

import { useLanguage } from "../../hooks/language";
import { useLimits } from "../../hooks/limits";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";

/** What a change of a guardrail does: each limit before and after, and whether calls are refused at once. */
export function Effect({ before, after }: { readonly before: Guardrail; readonly after: Guardrail }) {
  const limitsOf = useLimits();
  const [old, next] = [limitsOf(before), limitsOf(after)];
  const ids = [...new Set([...old, ...next].map(({ id }) => id))];
  const changes = ids.flatMap((id) => {
    const [was, is] = [old.find((limit) => limit.id === id), next.find((limit) => limit.id === id)];
    return was?.text === is?.text ? [] : [{ id, label: (is ?? was)?.label ?? id, was: was?.text, is: is?.text }];
  });
  const budget = after.budgetNanoCredits;
  const isSpent = budget !== undefined && !after.figuresHidden && after.spentNanoCredits >= budget + after.carriedNanoCredits;
  return (
    <Stack gap="sm">
      {changes.length === 0 ? <Text size="sm"><Trans>No limit that is shown here changes.</Trans></Text> : (
        <List size="sm" listStyleType="none">
          {changes.map(({ id, label, was, is }) => <List.Item key={id}>{label}: <Text span inherit c="dimmed">{was ?? <Trans>none</Trans>}</Text> → <Text span inherit fw={600}>{is ?? <Trans>none</Trans>}</Text></List.Item>)}
        </List>
      )}
      {budget !== undefined && !after.figuresHidden && <Text size="sm"><Counted guardrail={after} /></Text>}
      {isSpent && after.mode !== Guardrail_Mode.SHADOW && !after.softBudget?.softOnly && (
        <Text size="sm" c="red">{after.periodEndTime === undefined ? <Trans>That is the whole budget: calls are refused immediately.</Trans> : <Trans>That is the whole budget: calls are refused immediately until it starts again on <Time value={after.periodEndTime} />.</Trans>}</Text>
      )}
      <Text size="sm"><Trans>It applies to calls within a second.</Trans></Text>
    </Stack>
  );
}

/** What counts toward the budget from the beginning. With a cycle, that is only what was spent in it. */
function Counted({ guardrail }: { readonly guardrail: Guardrail }) {
  const language = useLanguage();
  const spent = formatCredits(guardrail.spentNanoCredits, language, 2);
  const budget = formatCredits((guardrail.budgetNanoCredits ?? 0n) + guardrail.carriedNanoCredits, language, 2);
  if (guardrail.periodStartTime === undefined) return <Trans>This budget never starts again, so all that was ever spent counts: {spent} of {budget}.</Trans>;
  return <Trans>Counted toward this budget: {spent} of {budget}, spent since <Time value={guardrail.periodStartTime} />.</Trans>;
}
