import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type MailPreference, MailPreferences } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, List, MultiSelect, Stack, Switch, Text } from "@mantine/core";
import { useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useParent } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { useAllEventTypes, useEventName } from "../../pages/alerts/events";

/** Which alerts come by e-mail. The inbox has all of them. */
export function MailPreferenceForm() {
  const { data } = useSuspenseQuery(MailPreferences.method.getMailPreference, { name: `${useParent()}/mailPreference` });
  return <Form key={JSON.stringify([data.off, data.eventTypesOff])} preference={data} />;
}

function Form({ preference }: { readonly preference: MailPreference }) {
  const { t } = useLingui();
  const [off, setOff] = useState(preference.off);
  const [typesOff, setTypesOff] = useState([...preference.eventTypesOff]);
  const saving = useSaving(MailPreferences.method.setMailPreference, t`The preference was saved.`);
  const eventName = useEventName();
  const choosable = useAllEventTypes().map(({ group, items }) => ({ group, items: items.filter((type) => !preference.eventTypesAlwaysSent.includes(type.value)) }));
  const alwaysSent = preference.eventTypesAlwaysSent.map(eventName);
  return (
    <Stack gap="md" maw={560}>
      <Switch label={t`Send alerts by e-mail`} checked={!off} onChange={(event) => setOff(!event.currentTarget.checked)} />
      {!off && <MultiSelect label={t`But not these`} description={t`They still reach your inbox.`} searchable clearable data={choosable} value={typesOff} onChange={setTypesOff} error={saving.violation("event_types_off")} />}
      {alwaysSent.length > 0 && <Text size="sm" c="dimmed" component="div"><Trans>Always sent, for your security:</Trans><List size="sm">{alwaysSent.map((name) => <List.Item key={name}>{name}</List.Item>)}</List></Text>}
      {saving.isError && <ErrorNotice error={saving.error} />}
      <Group><Button loading={saving.isPending} onClick={() => saving.save({ name: preference.name, off, eventTypesOff: typesOff })}><Trans>Save</Trans></Button></Group>
    </Stack>
  );
}
