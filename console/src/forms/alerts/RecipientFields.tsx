import { useSuspenseQuery } from "@connectrpc/connect-query";
import { NotificationChannels, NotificationRecipient_Audience } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox, MultiSelect, Stack, Text } from "@mantine/core";

import { PersonChoice } from "../../components/PersonChoice";
import { useParent } from "../../hooks/account";
import { useAudience, useChannelKind } from "../../pages/alerts/labels";
import { pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { SentenceGap } from "../../ui/SentenceGap";
import type { FieldsProps } from "./RuleForm";

const mostChannels = 100;
const audiences = [NotificationRecipient_Audience.OWNER, NotificationRecipient_Audience.GROUP_ADMINS, NotificationRecipient_Audience.SUPER_ADMINS] as const;

/** Who gets the alerts: people who follow from what they are about, named people, and channels. */
export function RecipientFields({ wanted, change, error }: FieldsProps) {
  const parent = useParent();
  const { t } = useLingui();
  const audienceName = useAudience();
  const kindName = useChannelKind();
  const { data } = useSuspenseQuery(NotificationChannels.method.listNotificationChannels, { parent, pageSize: mostChannels });
  const channels = data.notificationChannels;
  return (
    <Stack gap="md" maw={720}>
      <Checkbox.Group
        label={t`People, in their inbox`} value={wanted.audiences.map(String)} error={error}
        onChange={(chosen) => change({ audiences: chosen.map((audience) => Number(audience) as NotificationRecipient_Audience) })}
      >
        <Stack gap={8} mt={6}>{audiences.map((audience) => <Checkbox key={audience} value={String(audience)} label={audienceName(audience)} />)}</Stack>
      </Checkbox.Group>
      <PersonChoice label={t`Named members`} value={wanted.members} onChange={(members) => change({ members })} />
      {channels.length === 0 && wanted.channels.length === 0 ? (
        <Text size="sm" c="dimmed"><Trans>There are no channels yet.</Trans><SentenceGap /><AppLink to={pathsOf(parent).newChannel}><Trans>Add a channel</Trans></AppLink></Text>
      ) : (
        <MultiSelect
          label={t`Channels`} value={[...wanted.channels]} onChange={(chosen) => change({ channels: chosen })} hidePickedOptions searchable
          data={channels.map((one) => ({ value: one.name, label: `${one.displayName} (${kindName(one.kind)})` }))}
        />
      )}
    </Stack>
  );
}
