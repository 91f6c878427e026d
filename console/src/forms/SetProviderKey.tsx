import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Trans, useLingui } from "@lingui/react/macro";
import { PasswordInput, Stack, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { FormDialog } from "../components/FormDialog";
import type { Saving } from "../hooks/saving";

interface SetProviderKeyProps<Input extends DescMessage, Output extends DescMessage> {
  readonly title: ReactNode;
  readonly about: string;
  readonly label: string;
  readonly description?: string;
  readonly saving: Saving<Input, Output>;
  /** Sends the secret. */
  readonly save: (secret: string, saved: (answer: MessageShape<Output>) => void) => void;
  readonly close: () => void;
  /** What else is chosen with the key. */
  readonly options?: ReactNode;
  /** The exact effect. */
  readonly children: ReactNode;
}

/** Sets a key at a provider. The page forgets it as soon as the service has it, or the form closes. */
export function SetProviderKey<Input extends DescMessage, Output extends DescMessage>({ title, about, label, description, saving, save, close, options, children }: SetProviderKeyProps<Input, Output>) {
  const { t } = useLingui();
  const [secret, setSecret] = useState("");
  const submit = (): void =>
    save(secret.trim(), () => {
      setSecret("");
      saving.reset();
      close();
    });
  return (
    <FormDialog opened close={close} title={title} about={about} verb={<Trans>Set the key</Trans>} saving={saving} blocked={secret.trim() === "" ? <Trans>Enter the key.</Trans> : undefined} submit={submit}>
      <Stack gap="md">
        <Text size="sm" component="div">{children}</Text>
        <PasswordInput
          label={label} description={description} required autoComplete="off" spellCheck={false} value={secret} onChange={(event) => setSecret(event.currentTarget.value)} error={saving.violation("secret")} data-autofocus
          visibilityToggleButtonProps={{ "aria-label": t`Show the key` }}
        />
        {options}
      </Stack>
    </FormDialog>
  );
}
