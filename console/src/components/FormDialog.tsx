import { Trans } from "@lingui/react/macro";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { useFocusReturn } from "../hooks/focus";
import { ErrorNotice } from "./ErrorNotice";
import { Part } from "./Part";

interface FormDialogProps {
  readonly opened: boolean;
  readonly close: () => void;
  readonly title: ReactNode;
  /** The name of what it is about, which may be far behind the dialog; undefined if the title has it. */
  readonly about?: string | undefined;
  readonly verb: ReactNode;
  readonly danger?: boolean;
  readonly wide?: boolean;
  /** Why it cannot be done now. */
  readonly blocked?: ReactNode;
  readonly saving: { readonly isPending: boolean; readonly isError: boolean; readonly error: unknown };
  readonly submit: () => void;
  readonly children: ReactNode;
}

/** A form above the page. It closes when it is saved; what went wrong is said in it. */
export function FormDialog({ opened, close, title, about, verb, danger = false, wide = false, blocked, saving, submit, children }: FormDialogProps) {
  useFocusReturn(opened);
  return (
    <Modal opened={opened} onClose={close} title={<Text fw={600}>{title}</Text>} centered size={wide ? "lg" : "md"}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (blocked === undefined) submit();
        }}
      >
        <Stack gap="md">
          {about !== undefined && <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>{about}</Text>}
          <Part>{children}</Part>
          {saving.isError && <ErrorNotice error={saving.error} />}
          {blocked !== undefined && <Text size="sm" c="dimmed">{blocked}</Text>}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={close}><Trans>Cancel</Trans></Button>
            <Button type="submit" {...(danger ? { color: "red" } : {})} loading={saving.isPending} disabled={blocked !== undefined}>{verb}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
