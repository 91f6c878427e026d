import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Group, Stack } from "@mantine/core";

import { pathOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Copyable } from "../ui/Copyable";
import { Icon } from "../ui/Icon";
import { Surface } from "../ui/Surface";
import { Samples } from "./Samples";

/** A secret that is shown only once, and how programs use it. */
export function NewSecret({ name, secret }: { readonly name: string; readonly secret: string }) {
  const { t } = useLingui();
  return (
    <Stack gap="lg">
      <Alert color="accent" variant="light" title={<Trans>Copy the key now</Trans>} icon={<Icon name="key" />}>
        <Trans>It is shown only once. Whoever has it can call models in your name. The programs below stay on the page of the key.</Trans>
      </Alert>
      <Surface>
        <Stack gap="md">
          <Group gap="sm" wrap="nowrap">
            <Copyable text={secret} label={t`the key`} />
          </Group>
          <Samples />
        </Stack>
      </Surface>
      <AppLink to={pathOf(name)}><Trans>Open the key</Trans></AppLink>
    </Stack>
  );
}
