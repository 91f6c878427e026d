import { Guardrail_Cycle, Guardrail_RateLimit_Unit } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button, Checkbox, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import { useCycleName, useUnitName } from "../../hooks/limits";
import { Icon } from "../../ui/Icon";
import { AmountField, CountField } from "../fields/AmountField";
import { ThresholdField } from "./ThresholdField";
import { type ModelBudgetTexts, type RateTexts, newModelBudget, newRate } from "./texts";

const mostRows = 16;
const units = [Guardrail_RateLimit_Unit.SECOND, Guardrail_RateLimit_Unit.MINUTE, Guardrail_RateLimit_Unit.HOUR, Guardrail_RateLimit_Unit.DAY];

interface RowsProps<Row> {
  readonly title: ReactNode;
  readonly rows: readonly Row[];
  readonly onChange: (rows: readonly Row[]) => void;
  readonly fresh: Row;
  readonly error: string | undefined;
  readonly children: (row: Row, change: (part: Partial<Row>) => void) => ReactNode;
}

function Rows<Row>({ title, rows, onChange, fresh, error, children }: RowsProps<Row>) {
  const { t } = useLingui();
  return (
    <Stack gap="xs">
      {rows.map((row, index) => (
        <Group key={index} gap="xs" align="flex-end" className="surface" p="xs" style={{ rowGap: 8 }}>
          {children(row, (part) => onChange(rows.map((one, at) => (at === index ? { ...one, ...part } : one))))}
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t`Remove`} onClick={() => onChange(rows.filter((_, at) => at !== index))}><Icon name="close" size={16} /></ActionIcon>
        </Group>
      ))}
      {error !== undefined && <Text size="sm" c="red">{error}</Text>}
      <Group><Button size="compact-sm" variant="subtle" leftSection={<Icon name="plus" size={14} />} disabled={rows.length >= mostRows} onClick={() => onChange([...rows, fresh])}>{title}</Button></Group>
    </Stack>
  );
}

/** Limits for other spans than a minute, or for some models. */
export function RateRows({ rates, onChange, error }: { readonly rates: readonly RateTexts[]; readonly onChange: (rates: readonly RateTexts[]) => void; readonly error: string | undefined }) {
  const { t } = useLingui();
  const unitName = useUnitName();
  return (
    <Rows title={<Trans>Another rate limit</Trans>} rows={rates} onChange={onChange} fresh={newRate} error={error}>
      {(rate, change) => (
        <>
          <TextInput label={t`Models`} placeholder={t`all`} value={rate.models} onChange={(event) => change({ models: event.currentTarget.value })} style={{ flex: "2 1 140px" }} />
          <CountField label={t`Requests`} value={rate.requests} onChange={(requests) => change({ requests })} flex="1 1 90px" />
          <CountField label={t`Tokens`} value={rate.tokens} onChange={(tokens) => change({ tokens })} flex="1 1 90px" />
          <NativeSelect label={t`Within a`} value={String(rate.unit)} onChange={(event) => change({ unit: Number(event.currentTarget.value) })} data={units.map((unit) => ({ value: String(unit), label: unitName(unit) }))} />
        </>
      )}
    </Rows>
  );
}

const cycles = [Guardrail_Cycle.DAILY, Guardrail_Cycle.WEEKLY, Guardrail_Cycle.MONTHLY, Guardrail_Cycle.NEVER];

/** Budgets for some models. */
export function ModelBudgetRows({ budgets, onChange, error }: { readonly budgets: readonly ModelBudgetTexts[]; readonly onChange: (budgets: readonly ModelBudgetTexts[]) => void; readonly error: string | undefined }) {
  const { t } = useLingui();
  const cycleName = useCycleName();
  return (
    <Rows title={<Trans>Another budget for some models</Trans>} rows={budgets} onChange={onChange} fresh={newModelBudget} error={error}>
      {(budget, change) => (
        <>
          <TextInput label={t`Models`} placeholder="openai/*" value={budget.models} onChange={(event) => change({ models: event.currentTarget.value })} style={{ flex: "2 1 140px" }} />
          <AmountField label={t`Budget in credits`} value={budget.budget} onChange={(amount) => change({ budget: amount })} flex="1 1 120px" />
          <NativeSelect
            label={t`Starts again`} value={String(budget.cycle)} onChange={(event) => change({ cycle: Number(event.currentTarget.value) })} style={{ flex: "1 1 130px" }}
            data={[{ value: String(Guardrail_Cycle.UNSPECIFIED), label: t`with the budget` }, ...cycles.map((cycle) => ({ value: String(cycle), label: cycleName(cycle) }))]}
          />
          <ThresholdField label={t`Warn from`} value={budget.soft} onChange={(soft) => change({ soft })} flex="1 1 150px" />
          <Checkbox label={t`Only report`} checked={budget.soft.only} onChange={(event) => change({ soft: { ...budget.soft, only: event.currentTarget.checked } })} pb={8} />
        </>
      )}
    </Rows>
  );
}
