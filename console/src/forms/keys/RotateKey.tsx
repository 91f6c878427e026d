import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type ApiKey, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { useSaving } from "../../hooks/saving";

const hourMs = 3600_000;

export function RotateKey({ of, close, onSecret }: { readonly of: ApiKey; readonly close: () => void; readonly onSecret: (secret: string) => void }) {
  const { t } = useLingui();
  const [hours, setHours] = useState("24");
  const saving = useSaving(ApiKeys.method.rotateApiKey);
  const submit = (): void =>
    saving.save({ name: of.name, etag: of.etag, overlapDuration: durationFromMs(Number(hours) * hourMs) }, ({ secret }) => {
      onSecret(secret);
      close();
    });
  return (
    <FormDialog opened close={close} title={<Trans>Give this key a new secret?</Trans>} about={of.displayName || idOf(of.name)} verb={<Trans>Rotate</Trans>} saving={saving} submit={submit}>
      <Stack gap="md">
        <NativeSelect
          label={t`The old secret stays valid`} value={hours} onChange={(event) => setHours(event.currentTarget.value)} error={saving.violation("overlap_duration")}
          data={[{ value: "0", label: t`Not at all: it leaked` }, { value: "1", label: t`For an hour` }, { value: "24", label: t`For 24 hours` }, { value: "168", label: t`For 7 days` }]}
        />
        <Text size="sm">{hours === "0" ? <Trans>Calls with the old secret are refused within a second. The new one is shown once.</Trans> : <Trans>Both secrets work until then. The new one is shown once.</Trans>}</Text>
      </Stack>
    </FormDialog>
  );
}
