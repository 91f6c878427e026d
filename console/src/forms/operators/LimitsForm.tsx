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
const defaults = { model: "9000", admin: "1000", calls: "10000", body: "33554432", idle: "900", call: "3600" };

export function LimitsForm({ limits }: { readonly limits: ListenerLimits }) {
  const { t } = useLingui();
  const language = useLanguage();
  const [wanted, setWanted] = useState({
    model: String(limits.modelConnections), admin: String(limits.adminConnections), calls: String(limits.concurrentProviderCalls),
    body: String(limits.requestBodyBytes), idle: String(limits.callIdleSeconds), call: String(limits.callDurationSeconds),
  });
  const requestId = useRequestId(JSON.stringify([limits.etag, wanted]));
  const saving = useSaving(CatalogChanges.method.replaceListenerLimits, t`Every Envoy has the limits.`);
  const change = (part: Partial<typeof wanted>): void => setWanted({ ...wanted, ...part });
  const number = (text: string): number => Number(parseCount(text) ?? Number.NaN);
  const [model, admin, calls] = [number(wanted.model), number(wanted.admin), number(wanted.calls)];
  const [body, idle, call] = [number(wanted.body), number(wanted.idle), number(wanted.call)];
  const range = (value: number, least: number, greatest: number): string | undefined =>
    value >= least && value <= greatest ? undefined : t`Enter a number from ${formatCount(least, language)} to ${formatCount(greatest, language)}.`;
  const problems = {
    model: range(model, 1, mostConnections) ?? (model + admin > mostConnections ? t`Both kinds of connections are at most ${formatCount(mostConnections, language)} together.` : undefined),
    admin: range(admin, fewestAdminConnections, mostConnections), calls: range(calls, 1, mostCalls),
    body: range(body, ...bodyBytes), call: range(call, 1, longestCallS), idle: range(idle, 1, call >= 1 && call <= longestCallS ? call : longestCallS),
  };
  const isWrong = Object.values(problems).some((problem) => problem !== undefined);
  const isSame = model === limits.modelConnections && admin === limits.adminConnections && calls === limits.concurrentProviderCalls
    && body === limits.requestBodyBytes && idle === limits.callIdleSeconds && call === limits.callDurationSeconds;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isWrong || isSame) return;
    saving.save({
      name: limits.name, modelConnections: model, adminConnections: admin, concurrentProviderCalls: calls,
      requestBodyBytes: body, callIdleSeconds: idle, callDurationSeconds: call, etag: limits.etag, requestId,
    });
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw={520}>
        <CountField label={t`Connections to the model listener`} description={t`A further one is closed at once.`} value={wanted.model} onChange={(text) => change({ model: text })} error={problems.model ?? saving.violation("model_connections")} />
        <CountField label={t`Connections to the admin listener`} description={t`This console is among them. A further one is closed at once.`} value={wanted.admin} onChange={(text) => change({ admin: text })} error={problems.admin ?? saving.violation("admin_connections")} />
        <CountField label={t`Calls that run at one provider`} description={t`A further one fails with 503.`} value={wanted.calls} onChange={(text) => change({ calls: text })} error={problems.calls ?? saving.violation("concurrent_provider_calls")} />
        <CountField label={t`Largest body of a model call, in bytes`} description={t`A larger one fails with 413.`} value={wanted.body} onChange={(text) => change({ body: text })} error={problems.body ?? saving.violation("request_body_bytes")} />
        <CountField label={t`Seconds for which a model call may transfer nothing`} description={t`Calls that run keep the limit with which they began.`} value={wanted.idle} onChange={(text) => change({ idle: text })} error={problems.idle ?? saving.violation("call_idle_seconds")} />
        <CountField label={t`Seconds that a model call may take`} description={t`A longer one ends, with its stream.`} value={wanted.call} onChange={(text) => change({ call: text })} error={problems.call ?? saving.violation("call_duration_seconds")} />
        {saving.isError && <ErrorNotice error={saving.error} />}
        <Group gap="sm">
          <Button type="submit" loading={saving.isPending} disabled={isWrong || isSame}><Trans>Replace the limits</Trans></Button>
          <Button variant="default" onClick={() => setWanted(defaults)}><Trans>Enter the defaults</Trans></Button>
        </Group>
        {isSame && <Text size="sm" c="dimmed"><Trans>These limits are in force.</Trans></Text>}
      </Stack>
    </form>
  );
}
