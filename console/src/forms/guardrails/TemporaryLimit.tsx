import { type Guardrail, Guardrails } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { useTimeZone } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useSaving } from "../../hooks/saving";
import { formatCredits, parseCredits } from "../../util/credits";
import { momentOf, textOfMoment } from "../../util/times";
import { AmountField, CountField, parseCount } from "../fields/AmountField";
import { MomentField } from "../fields/MomentField";
import { creditsText } from "./texts";

/** Other limits until a time, for a launch or a migration. Afterwards the own ones are in force again by themselves. */
export function TemporaryLimit({ guardrail, close }: { readonly guardrail: Guardrail; readonly close: () => void }) {
  const { t } = useLingui();
  const zone = useTimeZone();
  const language = useLanguage();
  const old = guardrail.temporaryLimit;
  const [end, setEnd] = useState(textOfMoment(old?.endTime, zone));
  const [budget, setBudget] = useState(creditsText(old?.budgetNanoCredits));
  const [requests, setRequests] = useState(old?.requestsPerMinute === undefined ? "" : String(old.requestsPerMinute));
  const saving = useSaving(Guardrails.method.updateGuardrail, t`The temporary limits are set.`);
  const [endTime, amount, rpm] = [momentOf(end, zone), parseCredits(budget), parseCount(requests)];
  const request = (temporaryLimit: object | undefined) => ({ guardrail: { name: guardrail.name, etag: guardrail.etag, ...(temporaryLimit === undefined ? {} : { temporaryLimit }) }, updateMask: { paths: ["temporary_limit"] } });
  const limit = { endTime, ...(amount === undefined ? {} : { budgetNanoCredits: amount }), ...(rpm === undefined ? {} : { requestsPerMinute: Number(rpm) }) };
  const blocked = endTime === undefined ? <Trans>Say until when.</Trans> : amount === undefined && rpm === undefined ? <Trans>Enter at least one limit.</Trans> : undefined;
  const violation = (field: string): string | undefined => saving.violation(`guardrail.temporary_limit.${field}`);
  return (
    <FormDialog opened close={close} title={<Trans>Other limits for a while</Trans>} about={guardrail.scopeDisplayName || idOf(guardrail.scope)} verb={<Trans>Change</Trans>} saving={saving} blocked={blocked} submit={() => saving.save(request(limit), close)}>
      <Stack gap="md">
        <MomentField label={t`Until`} value={end} onChange={setEnd} error={violation("end_time")} />
        <AmountField label={t`Budget in credits`} description={guardrail.budgetNanoCredits === undefined ? t`Its own: none. Leave it empty to keep it` : t`Its own: ${formatCredits(guardrail.budgetNanoCredits, language)}. Leave it empty to keep it`} value={budget} onChange={setBudget} error={violation("budget_nano_credits")} />
        <CountField label={t`Requests per minute`} description={guardrail.requestsPerMinute === undefined ? t`Its own: none. Leave it empty to keep it` : t`Its own: ${guardrail.requestsPerMinute}. Leave it empty to keep it`} value={requests} onChange={setRequests} error={violation("requests_per_minute")} />
        <Text size="sm"><Trans>They apply within a second, with the same period and spend. At that time its own limits are in force again, without a further change.</Trans></Text>
        {old !== undefined && <Group><Button variant="default" size="xs" onClick={() => saving.save(request(undefined), close)}><Trans>End the temporary limits now</Trans></Button></Group>}
      </Stack>
    </FormDialog>
  );
}
