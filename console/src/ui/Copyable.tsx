import { useLingui } from "@lingui/react/macro";
import { ActionIcon, Code, CopyButton, Group } from "@mantine/core";

import { Icon } from "./Icon";

/** A text to copy, such as an id or a command. Long ones are cut on the screen only. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
  const { t } = useLingui();
  return (
    <Group gap={4} wrap="nowrap" maw="100%">
      <Code className="cut" title={text} style={{ background: "transparent", padding: 0 }}>
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon variant="subtle" color="gray" size="sm" onClick={copy} aria-label={copied ? t`Copied` : t`Copy ${label}`}>
            <Icon name={copied ? "check" : "copy"} size={14} />
          </ActionIcon>
        )}
      </CopyButton>
    </Group>
  );
}
