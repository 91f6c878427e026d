import { type Guardrail, Guardrail_Mode } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { List, Stack, Text } from "@mantine/core";

import { useLanguage } from "../../hooks/language";
import { useLimits } from "../../hooks/limits";
import { formatCredits } from "../../util/credits";

/** What a change of a guardrail does: each limit before and after, and whether calls are refused at once. */
export function Effect({ before, after }: { readonly before: Guardrail; readonly after: Guardrail }) {
  const limitsOf = useLimits();
  const language = useLanguage();
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
      {isSpent && after.mode !== Guardrail_Mode.SHADOW && !after.softBudget?.softOnly && (
        <Text size="sm" c="red"><Trans>{formatCredits(after.spentNanoCredits, language, 2)} is already spent: calls are refused immediately until the budget starts again.</Trans></Text>
      )}
      <Text size="sm"><Trans>It applies to calls within a second. What was spent stays counted.</Trans></Text>
    </Stack>
  );
}
