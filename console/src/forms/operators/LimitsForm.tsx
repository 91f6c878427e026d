import { CatalogChanges, type ListenerLimits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useLanguage } from "../../hooks/language";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { formatCount } from "../../util/numbers";
import { CountField, parseCount } from "../fields/AmountField";

/** The limit of the process (`MAX_CONNECTIONS` in `gateway_core/model/deployments/listener_limits.py`). */
const mostConnections = 10_000;
const mostCalls = 1_000_000;
/** So that operators can still reach the admin listener. */
const fewestAdminConnections = 20;
const bodyBytes = [1_024, 134_217_728] as const;
const longestCallS = 3_600;
/** The limits as the API names them, with their defaults. */
const defaults = { modelConnections: 9_000, adminConnections: 1_000, concurrentProviderCalls: 10_000, requestBodyBytes: 33_554_432, callIdleSeconds: 900, callDurationSeconds: 3_600 };
type Limit = keyof typeof defaults;
const names = Object.keys(defaults) as readonly Limit[];

function ofEach<Value>(value: (limit: Limit) => Value): Readonly<Record<Limit, Value>> {
  return Object.fromEntries(names.map((limit) => [limit, value(limit)])) as Record<Limit, Value>;
}

/** The name of a limit's field in an error. */
function fieldOf(limit: Limit): string {
  return limit.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function LimitsForm({ limits }: { readonly limits: ListenerLimits }) {
  const { t } = useLingui();
  const language = useLanguage();
  const [wanted, setWanted] = useState(ofEach((limit) => String(limits[limit])));
  const requestId = useRequestId(JSON.stringify([limits.etag, wanted]));
  const saving = useSaving(CatalogChanges.method.replaceListenerLimits, t`Every Envoy has the limits.`);
  const numbers = ofEach((limit) => Number(parseCount(wanted[limit]) ?? Number.NaN));
  const { modelConnections: model, adminConnections: admin, callDurationSeconds: call } = numbers;
  const range = (limit: Limit, least: number, greatest: number): string | undefined =>
    numbers[limit] >= least && numbers[limit] <= greatest ? undefined : t`Enter a number from ${formatCount(least, language)} to ${formatCount(greatest, language)}.`;
  const problems: Readonly<Record<Limit, string | undefined>> = {
    modelConnections: range("modelConnections", 1, mostConnections) ?? (model + admin > mostConnections ? t`Both kinds of connections are at most ${formatCount(mostConnections, language)} together.` : undefined),
    adminConnections: range("adminConnections", fewestAdminConnections, mostConnections),
    concurrentProviderCalls: range("concurrentProviderCalls", 1, mostCalls),
    requestBodyBytes: range("requestBodyBytes", ...bodyBytes),
    callIdleSeconds: range("callIdleSeconds", 1, call >= 1 && call <= longestCallS ? call : longestCallS),
    callDurationSeconds: range("callDurationSeconds", 1, longestCallS),
  };
  const isWrong = Object.values(problems).some((problem) => problem !== undefined);
  const isSame = names.every((limit) => numbers[limit] === limits[limit]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isWrong && !isSame) saving.save({ ...numbers, name: limits.name, etag: limits.etag, requestId });
  };
  const field = (limit: Limit) => ({ value: wanted[limit], onChange: (text: string) => setWanted({ ...wanted, [limit]: text }), error: problems[limit] ?? saving.violation(fieldOf(limit)) });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw={520}>
        <CountField {...field("modelConnections")} label={t`Connections to the model listener`} description={t`A further one is closed at once.`} />
        <CountField {...field("adminConnections")} label={t`Connections to the admin listener`} description={t`This console is among them. A further one is closed at once.`} />
        <CountField {...field("concurrentProviderCalls")} label={t`Calls that run at one provider`} description={t`A further one fails with 503.`} />
        <CountField {...field("requestBodyBytes")} label={t`Largest body of a model call, in bytes`} description={t`A larger one fails with 413.`} />
        <CountField {...field("callIdleSeconds")} label={t`Seconds for which a model call may transfer nothing`} description={t`Calls that run keep the limit with which they began.`} />
        <CountField {...field("callDurationSeconds")} label={t`Seconds that a model call may take`} description={t`A longer one ends, with its stream.`} />
        {saving.isError && <ErrorNotice error={saving.error} />}
        <Group gap="sm">
          <Button type="submit" loading={saving.isPending} disabled={isWrong || isSame}><Trans>Replace the limits</Trans></Button>
          <Button variant="default" onClick={() => setWanted(ofEach((limit) => String(defaults[limit])))}><Trans>Enter the defaults</Trans></Button>
        </Group>
        {isSame && <Text size="sm" c="dimmed"><Trans>These limits are in force.</Trans></Text>}
      </Stack>
    </form>
  );
}
