import { Trans, useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { usePlace } from "../../hooks/account";
import { useNow } from "../../hooks/now";
import { useChangeSearch, useSelection } from "../../hooks/usage";
import { type Period, dayBefore, dayOf, isDay } from "../../util/times";
import { usePeriods } from "./periods";

const mostDays = 400;
const custom = "custom";
const yesterday = "yesterday";

/** Chooses a period, or a range of days, of the organization of the page. */
export function PeriodChoice({ otherwise }: { readonly otherwise: Period }) {
  return <PeriodField otherwise={otherwise} timeZone={usePlace().organization.timeZone} />;
}

interface PeriodFieldProps {
  /** The period of an address that has none. Without one, such an address means everything from the beginning. */
  readonly otherwise?: Period;
  readonly timeZone: string;
}

export function PeriodField({ otherwise, timeZone }: PeriodFieldProps) {
  const { t } = useLingui();
  const now = useNow();
  const [today, before] = [dayOf(now, timeZone), dayBefore(dayOf(now, timeZone))];
  const [shortest, ...longer] = usePeriods();
  const selection = useSelection();
  const change = useChangeSearch();
  const choose = (value: string): void => {
    if (value === custom) change({ period: undefined, from: `${today.slice(0, 8)}01`, to: today });
    else if (value === yesterday) change({ period: undefined, from: before, to: before });
    else change({ period: value || undefined, from: undefined, to: undefined });
  };
  const isYesterday = selection.from === before && selection.to === before;
  return (
    <Group gap="sm" className="period">
      {selection.from !== undefined && !isYesterday && <Days from={selection.from} to={selection.to ?? today} change={change} />}
      <NativeSelect
        aria-label={t`Period`} value={isYesterday ? yesterday : selection.from === undefined ? (selection.period ?? otherwise ?? "") : custom} onChange={(event) => choose(event.currentTarget.value)} w={200}
        data={[
          ...(otherwise === undefined ? [{ value: "", label: t`From the beginning` }] : []),
          shortest, { value: yesterday, label: t`Yesterday` }, ...longer, { value: custom, label: t`Custom days…` },
        ]}
      />
    </Group>
  );
}

interface DaysProps {
  readonly from: string;
  readonly to: string;
  readonly change: (part: Readonly<Record<string, string | undefined>>) => void;
}

/**
 * The first and the last day. The address changes when a person leaves the field, because a year is typed digit by digit. The fields stay
 * when it does: the person is typing in the other one by then.
 */
function Days({ from, to, change }: DaysProps) {
  const { t } = useLingui();
  const [first, setFirst] = useText(from);
  const [last, setLast] = useText(to);
  const days = (Date.parse(last) - Date.parse(first)) / (24 * 3600_000) + 1;
  const isRange = isDay(first) && isDay(last) && first >= "2000-01-01" && days >= 1 && days <= mostDays;
  const commit = (): void => {
    if (isRange && (first !== from || last !== to)) change({ from: first, to: last });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key === "Enter") commit();
  };
  return (
    <Group gap={6} wrap="nowrap">
      <TextInput type="date" aria-label={t`First day`} value={first} error={!isRange} onChange={(event) => setFirst(event.currentTarget.value)} onBlur={commit} onKeyDown={onKeyDown} w={146} />
      <Text span c="dimmed" aria-hidden>–</Text>
      <TextInput type="date" aria-label={t`Last day`} value={last} error={!isRange} onChange={(event) => setLast(event.currentTarget.value)} onBlur={commit} onKeyDown={onKeyDown} w={146} />
      {!isRange && <Text size="xs" c="red" role="alert"><Trans>Choose 1 to 400 days.</Trans></Text>}
    </Group>
  );
}

/** What a person types, until the address has another value. */
function useText(value: string): readonly [string, (text: string) => void] {
  const [state, setState] = useState({ value, text: value });
  if (state.value !== value) setState({ value, text: value });
  return [state.value === value ? state.text : value, (text) => setState({ value, text })];
}
