import { Trans } from "@lingui/react/macro";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { useFocusReturn } from "../hooks/focus";
import { ErrorNotice } from "./ErrorNotice";

interface ConfirmationProps {
  readonly opened: boolean;
  readonly close: () => void;
  readonly title: ReactNode;
  /** The name of what it is about, which may be far behind the dialog; undefined if the title has it. */
  readonly about: string | undefined;
  readonly verb: ReactNode;
  readonly danger?: boolean;
  readonly mutation: { readonly isPending: boolean; readonly isError: boolean; readonly error: unknown };
  readonly confirm: () => void;
  /** The exact effect. */
  readonly children: ReactNode;
}

/** Says what will happen before it happens. */
export function Confirmation({ opened, close, title, about, verb, danger = false, mutation, confirm, children }: ConfirmationProps) {
  useFocusReturn(opened);
  return (
    <Modal opened={opened} onClose={close} title={<Text fw={600}>{title}</Text>} centered>
      <Stack gap="md">
        {about !== undefined && <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>{about}</Text>}
        <Text size="sm" component="div">{children}</Text>
        {mutation.isError && <ErrorNotice error={mutation.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close} data-autofocus><Trans>Cancel</Trans></Button>
          <Button {...(danger ? { color: "red" } : {})} loading={mutation.isPending} onClick={confirm}>{verb}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
