import { Trans } from "@lingui/react/macro";
import { Button, Code, CopyButton, Stack, Tabs, Text } from "@mantine/core";

import { useDeployment } from "../api/deployment";
import { Copyable } from "../ui/Copyable";
import { samplesFor } from "../util/samples";

/** Programs that call a model with a key. They name the variable that has it, so they need no secret. */
export function Samples() {
  const samples = samplesFor(useDeployment().model_url);
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed"><Trans>Set the key as the variable MEGAROUTER_API_KEY. Your own code changes in two places, the address and the key. Each program makes a call and prints the answer:</Trans></Text>
      <Tabs defaultValue={samples[0]?.title ?? null}>
        <Tabs.List>{samples.map(({ title }) => <Tabs.Tab key={title} value={title}>{title}</Tabs.Tab>)}</Tabs.List>
        {samples.map(({ title, code, install }) => (
          <Tabs.Panel key={title} value={title} pt="sm">
            {install !== "" && <Text size="sm" component="div" mb="xs"><Trans>Install it first:</Trans> <Copyable text={install} label={install} /></Text>}
            <div className="table-scroll" tabIndex={0} role="region" aria-label={title}><Code block>{code}</Code></div>
            <CopyButton value={code}>
              {({ copied, copy }) => <Button mt="xs" size="xs" variant="default" onClick={copy}>{copied ? <Trans>Copied</Trans> : <Trans>Copy the code</Trans>}</Button>}
            </CopyButton>
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}
