import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analyses, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { useParent } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";

const mostShown = 200;

/** Chooses the key and the model that write analyses. */
export function AnalysisSettingsForm() {
  const parent = useParent();
  const { t } = useLingui();
  const { data: settings } = useSuspenseQuery(Analyses.method.getAnalysisSettings, { name: `${parent}/analysisSettings` });
  const { data: keys } = useSuspenseQuery(ApiKeys.method.listApiKeys, { parent, pageSize: mostShown, filter: "service_account:*" });
  const [key, setKey] = useState(settings.apiKey);
  const [model, setModel] = useState(idOf(settings.model));
  const saving = useSaving(Analyses.method.configureAnalysis, t`The settings were saved.`);
  const save = (apiKey: string, name: string): void => saving.save({ name: settings.name, apiKey, model: name === "" ? "" : `models/${name}` });
  const isSame = key === settings.apiKey && model === idOf(settings.model);
  return (
    <Stack gap="md" maw={620}>
      <NativeSelect
        label={t`Key of a service account`} description={t`It gets a new secret that no one sees, so use it for nothing else.`} value={key} onChange={(event) => setKey(event.currentTarget.value)} error={saving.violation("api_key")}
        data={[{ value: "", label: keys.apiKeys.length === 0 ? t`No service account has a key` : t`Choose a key` }, ...keys.apiKeys.map((one) => ({ value: one.name, label: `${one.displayName || idOf(one.name)} (${one.memberDisplayName})` }))]}
      />
      <TextInput label={t`Model`} description={t`Such as gpt-4o-mini`} value={model} onChange={(event) => setModel(event.currentTarget.value)} error={saving.violation("model")} />
      {saving.isError && <ErrorNotice error={saving.error} />}
      <Group gap="sm">
        <Button loading={saving.isPending} disabled={isSame || key === "" || model.trim() === ""} onClick={() => save(key, model.trim())}><Trans>Save</Trans></Button>
        {settings.apiKey !== "" && <Button variant="default" onClick={() => save("", "")}><Trans>Write no more analyses</Trans></Button>}
        {settings.apiKey === "" && <Text size="sm" c="dimmed"><Trans>Not set up</Trans></Text>}
      </Group>
    </Stack>
  );
}
