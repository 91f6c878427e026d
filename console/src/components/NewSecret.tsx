import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Code, CopyButton, Group, Stack, Tabs, Text } from "@mantine/core";

import { pathOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Copyable } from "../ui/Copyable";
import { Icon } from "../ui/Icon";
import { Surface } from "../ui/Surface";
import { useDeployment } from "../api/deployment";

/** A secret that is shown only once, and how programs use it. */
export function NewSecret({ name, secret }: { readonly name: string; readonly secret: string }) {
  const { t } = useLingui();
  const snippets = snippetsFor(useDeployment().model_url);
  return (
    <Stack gap="lg">
      <Alert color="accent" variant="light" title={<Trans>Copy the key now</Trans>} icon={<Icon name="key" />}>
        <Trans>It is shown only once. Whoever has it can call models in your name.</Trans>
      </Alert>
      <Surface>
        <Stack gap="md">
          <Group gap="sm" wrap="nowrap">
            <Copyable text={secret} label={t`the key`} />
          </Group>
          <Text size="sm" c="dimmed"><Trans>Set it as the variable MEGAROUTER_API_KEY. Your own code changes in two places, the address and the key:</Trans></Text>
          <Tabs defaultValue={snippets[0]?.[0] ?? null}>
            <Tabs.List>{snippets.map(([title]) => <Tabs.Tab key={title} value={title}>{title}</Tabs.Tab>)}</Tabs.List>
            {snippets.map(([title, code]) => (
              <Tabs.Panel key={title} value={title} pt="sm">
                <div className="table-scroll" tabIndex={0} role="region" aria-label={title}><Code block>{code}</Code></div>
                <CopyButton value={code}>
                  {({ copied, copy }) => <Button mt="xs" size="xs" variant="default" onClick={copy}>{copied ? <Trans>Copied</Trans> : <Trans>Copy the code</Trans>}</Button>}
                </CopyButton>
              </Tabs.Panel>
            ))}
          </Tabs>
        </Stack>
      </Surface>
      <AppLink to={pathOf(name)}><Trans>Open the key</Trans></AppLink>
    </Stack>
  );
}

function snippetsFor(origin: string): readonly (readonly [string, string])[] {
  return [
    ["curl", `curl ${origin}/v1/chat/completions \\\n  -H "Authorization: Bearer $MEGAROUTER_API_KEY" -H "Content-Type: application/json" \\\n  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}'`],
    ["Python (OpenAI)", `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1", api_key=os.environ["MEGAROUTER_API_KEY"])`],
    ["Python (Anthropic)", `import os\nfrom anthropic import Anthropic\n\nclient = Anthropic(base_url="${origin}", api_key=os.environ["MEGAROUTER_API_KEY"])`],
    ["TypeScript", `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.MEGAROUTER_API_KEY });`],
    ["Claude Code", `export ANTHROPIC_BASE_URL=${origin}\nexport ANTHROPIC_AUTH_TOKEN=$MEGAROUTER_API_KEY\nclaude`],
  ];
}
