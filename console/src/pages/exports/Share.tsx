import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useMutation } from "@connectrpc/connect-query";
import { type UsageExport, UsageExports } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, Modal, NativeSelect, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Copyable } from "../../ui/Copyable";
import { Time } from "../../ui/Time";

const dayMs = 24 * 3600_000;

/** Makes a link with which anyone opens a report, for people who are no members. */
export function Share({ one }: { readonly one: UsageExport }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpened(true)}><Trans>Share by link</Trans></Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={<Text fw={600}><Trans>Share this report</Trans></Text>} centered size="lg">
        {opened && <Form one={one} />}
      </Modal>
    </>
  );
}

function Form({ one }: { readonly one: UsageExport }) {
  const { t } = useLingui();
  const [days, setDays] = useState("7");
  const share = useMutation(UsageExports.method.shareUsageExport, { onSuccess: () => void queryClient.invalidateQueries() });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    share.mutate({ name: one.name, ttl: durationFromMs(Number(days) * dayMs) });
  };
  if (share.data !== undefined) {
    const link = `${window.location.origin}/console/report#${share.data.secret}`;
    return (
      <Stack gap="md">
        <Alert color="accent" variant="light" title={<Trans>Copy the link now</Trans>}><Trans>It is shown only once. Whoever has it can open the report until <Time value={share.data.usageExport?.shareExpireTime} />.</Trans></Alert>
        <Copyable text={link} label={t`the link`} />
      </Stack>
    );
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Text size="sm"><Trans>Anyone with the link opens the report without signing in, and nothing else. It ends sooner if you delete the export or may no longer see these calls.</Trans></Text>
        {one.shareExpireTime !== undefined && <Text size="sm" c="dimmed"><Trans>The previous link, valid until <Time value={one.shareExpireTime} />, stops working immediately.</Trans></Text>}
        <NativeSelect
          label={t`The link works for`} value={days} onChange={(event) => setDays(event.currentTarget.value)}
          data={[{ value: "1", label: t`One day` }, { value: "7", label: t`7 days` }, { value: "30", label: t`30 days` }]}
        />
        {share.isError && <ErrorNotice error={share.error} />}
        <Group justify="flex-end"><Button type="submit" loading={share.isPending}><Trans>Create the link</Trans></Button></Group>
      </Stack>
    </form>
  );
}
