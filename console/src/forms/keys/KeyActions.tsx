import { type ApiKey, ApiKey_State, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Stack } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { pathsOf } from "../../paths";
import { ChangeKey } from "./ChangeKey";
import { RotateKey } from "./RotateKey";
import { TransferKey } from "./TransferKey";

type Act = "change" | "rotate" | "transfer" | "disable" | "delete";

/** What can be done with a key. `onSecret` gets a new secret, which is shown once. */
export function KeyActions({ of, onSecret }: { readonly of: ApiKey; readonly onSecret: (secret: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const navigate = useNavigate();
  const [act, setAct] = useState<Act | undefined>(undefined);
  const disable = useSaving(ApiKeys.method.disableApiKey, t`The key was disabled.`);
  const enable = useSaving(ApiKeys.method.enableApiKey, t`The key was enabled.`);
  const remove = useSaving(ApiKeys.method.deleteApiKey, t`The key was deleted.`);
  const { name, etag } = of;
  const close = (): void => setAct(undefined);
  return (
    <Stack gap="xs" align="flex-end">
      <Group gap="sm">
        <Button variant="default" onClick={() => setAct("change")}><Trans>Change…</Trans></Button>
        <Button variant="default" onClick={() => setAct("rotate")}><Trans>Rotate</Trans></Button>
        <Button variant="default" onClick={() => setAct("transfer")}><Trans>Transfer…</Trans></Button>
        {of.state === ApiKey_State.DISABLED
          ? <Button variant="default" loading={enable.isPending} onClick={() => enable.save({ name, etag })}><Trans>Enable</Trans></Button>
          : <Button variant="default" onClick={() => setAct("disable")}><Trans>Disable</Trans></Button>}
        <Button variant="light" color="red" onClick={() => setAct("delete")}><Trans>Delete</Trans></Button>
      </Group>
      {enable.isError && <ErrorNotice error={enable.error} />}
      {act === "change" && <ChangeKey of={of} close={close} />}
      {act === "rotate" && <RotateKey of={of} close={close} onSecret={onSecret} />}
      {act === "transfer" && <TransferKey of={of} close={close} onSecret={onSecret} />}
      <Confirmation opened={act === "disable"} close={close} title={<Trans>Disable this key?</Trans>} about={of.displayName || idOf(of.name)} verb={<Trans>Disable</Trans>} mutation={disable} confirm={() => disable.save({ name, etag }, close)}>
        <Trans>Calls with it are refused within a second. Running calls go on. You can enable it again.</Trans>
      </Confirmation>
      <Confirmation opened={act === "delete"} close={close} title={<Trans>Delete this key for good?</Trans>} about={of.displayName || idOf(of.name)} verb={<Trans>Delete</Trans>} mutation={remove} danger confirm={() => remove.save({ name, etag }, () => void navigate({ to: pathsOf(account.organization).keys }))}>
        <Trans>Calls with it are refused within a second, and it cannot be brought back. Its usage stays.</Trans>
      </Confirmation>
    </Stack>
  );
}
