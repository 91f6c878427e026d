import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { Copyable } from "./Copyable";
import { Icon } from "./Icon";

/** A secret that is shown only once. */
export function Secret({ secret, children }: { readonly secret: string; readonly children: ReactNode }) {
  const { t } = useLingui();
  return (
    <Alert color="accent" variant="light" title={<Trans>Copy the secret now</Trans>} icon={<Icon name="key" />}>
      <Stack gap="sm">
        <div>{children}</div>
        <Copyable text={secret} label={t`the secret`} />
      </Stack>
    </Alert>
  );
}
