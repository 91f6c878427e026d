import "@mantine/core/styles/Kbd.css";

import { Trans, useLingui } from "@lingui/react/macro";
import { Group, Kbd, Modal, ScrollArea, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useState } from "react";

import { useFocusReturn } from "../../hooks/focus";
import { type Choice, useFound } from "./found";

interface CommandPaletteProps {
  readonly opened: boolean;
  readonly close: () => void;
}

/** Goes to a page by its name, to a member, a group or a key, or to a call by its id. */
export function CommandPalette({ opened, close }: CommandPaletteProps) {
  useFocusReturn(opened);
  const { t } = useLingui();
  return (
    <Modal opened={opened} onClose={close} title={t`Go to`} size="md" yOffset="12vh">
      {opened && <Choices close={close} />}
    </Modal>
  );
}

function Choices({ close }: { readonly close: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const found = useFound(text);
  const chosen = Math.min(at, found.length - 1);
  const go = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    close();
    void navigate({ to: choice.path });
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter") go(found[chosen]);
    else if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <TextInput
        data-autofocus aria-label={t`Page, member, group, key or id of a call`} placeholder={t`Page, member, group, key or id of a call`} value={text} mb="xs" onKeyDown={press}
        role="combobox" aria-expanded="true" aria-controls="palette-choices" aria-activedescendant={found.length === 0 ? undefined : `palette-${chosen}`}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
      />
      <ScrollArea.Autosize mah="50vh">
        <div id="palette-choices" role="listbox" aria-label={t`Found`}>
          {found.map((choice, index) => (
            <UnstyledButton
              key={choice.id} id={`palette-${index}`} role="option" aria-selected={index === chosen} tabIndex={-1} onClick={() => go(choice)} onMouseMove={() => setAt(index)}
              ref={index === chosen ? scrollIntoView : null} px="sm" py={8} w="100%" style={{ borderRadius: 8, background: index === chosen ? "var(--mantine-color-accent-light)" : undefined }}
            >
              <Group justify="space-between" wrap="nowrap" gap="sm">
                <Text size="sm" truncate>{choice.label}</Text>
                {choice.kind !== undefined && <Text size="xs" c="dimmed" style={{ flex: "none" }}>{choice.kind}</Text>}
                {choice.key !== undefined && <span className="wide-only" style={{ flex: "none" }}><Kbd size="xs">g</Kbd> <Kbd size="xs">{choice.key}</Kbd></span>}
              </Group>
            </UnstyledButton>
          ))}
        </div>
      </ScrollArea.Autosize>
      {found.length === 0 && <Text size="sm" c="dimmed" p="sm" role="status"><Trans>No match</Trans></Text>}
    </>
  );
}

function scrollIntoView(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: "nearest" });
}
