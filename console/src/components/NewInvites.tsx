import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, Stack, Text } from "@mantine/core";

import { Copyable } from "../ui/Copyable";
import { Icon } from "../ui/Icon";
import { Surface } from "../ui/Surface";
import { saveFile } from "../util/files";
import { writeTable } from "../util/csv";

/** An invite that was just made: whom it is for, and the link or token, which is shown only once. */
export interface MadeInvite {
  readonly name: string;
  readonly address: string;
  readonly secret: string;
}

/** The links of new invites. Nobody can see them again. */
export function NewInvites({ invites }: { readonly invites: readonly MadeInvite[] }) {
  const { t } = useLingui();
  const save = (): void => saveFile("invites.csv", [writeTable([["address", "invite"], ...invites.map(({ address, secret }) => [address, secret])])], "text/csv");
  return (
    <Stack gap="lg">
      <Alert color="accent" variant="light" title={<Plural value={invites.length} one="Send this link now" other="Send these # links now" />} icon={<Icon name="key" />}>
        <Trans>They are shown only once. Whoever has one can join, unless it is for an address or a domain. The gateway sends no e-mail for invites.</Trans>
      </Alert>
      <Surface actions={invites.length > 1 && <Button size="xs" variant="default" onClick={save}><Trans>Download as CSV</Trans></Button>} title={<Trans>Invites</Trans>}>
        <Stack gap="sm">
          {invites.map(({ name, address, secret }) => (
            <Group key={name} gap="md" wrap="nowrap" justify="space-between">
              <Text size="sm" className="cut" style={{ flex: "1 1 30%" }}>{address === "" ? t`for anyone` : address}</Text>
              <div style={{ flex: "1 1 70%", minWidth: 0 }}><Copyable text={secret} label={t`the invite`} /></div>
            </Group>
          ))}
        </Stack>
      </Surface>
    </Stack>
  );
}
