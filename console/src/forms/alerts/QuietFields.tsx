import { QuietHours_Day } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { Checkbox, Group, SimpleGrid, Stack, TextInput } from "@mantine/core";

import { useDayName } from "../../pages/alerts/labels";
import type { FieldsProps } from "./RuleForm";

const days = [
  QuietHours_Day.MONDAY, QuietHours_Day.TUESDAY, QuietHours_Day.WEDNESDAY, QuietHours_Day.THURSDAY, QuietHours_Day.FRIDAY, QuietHours_Day.SATURDAY, QuietHours_Day.SUNDAY,
] as const;

/** When nothing is sent. */
export function QuietFields({ wanted, change, error }: FieldsProps) {
  const { t } = useLingui();
  const dayName = useDayName();
  return (
    <Stack gap="md">
      <Checkbox label={t`Quiet hours, in which nothing is sent`} checked={wanted.isQuiet} onChange={(event) => change({ isQuiet: event.currentTarget.checked })} error={error} />
      {wanted.isQuiet && (
        <>
          <SimpleGrid cols={{ base: 2, xs: 3 }}>
            <TextInput type="time" label={t`From`} value={wanted.quietStart} onChange={(event) => change({ quietStart: event.currentTarget.value })} />
            <TextInput type="time" label={t`Until`} value={wanted.quietEnd} onChange={(event) => change({ quietEnd: event.currentTarget.value })} />
            <TextInput label={t`Time zone`} placeholder={t`That of the organization`} value={wanted.quietZone} onChange={(event) => change({ quietZone: event.currentTarget.value })} />
          </SimpleGrid>
          <Checkbox.Group label={t`On which days they begin`} description={t`None: every day`} value={wanted.quietDays.map(String)} onChange={(chosen) => change({ quietDays: chosen.map((day) => Number(day) as QuietHours_Day) })}>
            <Group gap="md" mt={6}>{days.map((day) => <Checkbox key={day} value={String(day)} label={dayName(day)} />)}</Group>
          </Checkbox.Group>
          <Checkbox label={t`Still send alerts of the highest severity`} checked={wanted.alertsPass} onChange={(event) => change({ alertsPass: event.currentTarget.checked })} />
        </>
      )}
    </Stack>
  );
}
