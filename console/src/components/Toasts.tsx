import { useLingui } from "@lingui/react/macro";
import { CloseButton, Group, Text } from "@mantine/core";

import { dismiss, useToasts } from "../stores/toasts";
import { Icon } from "../ui/Icon";

/** What was done just now. A screen reader says it, too. */
export function Toasts() {
  const toasts = useToasts();
  const { t } = useLingui();
  return (
    <div aria-live="polite" className="toasts">
      {toasts.map(({ id, text }) => (
        <Group key={id} className="surface toast" gap="sm" wrap="nowrap" px="md" py="sm">
          <Text c="teal" lh={0}><Icon name="check" size={16} /></Text>
          <Text size="sm" style={{ flex: 1, overflowWrap: "anywhere" }}>{text}</Text>
          <CloseButton size="sm" aria-label={t`Close`} onClick={() => dismiss(id)} />
        </Group>
      ))}
    </div>
  );
}
