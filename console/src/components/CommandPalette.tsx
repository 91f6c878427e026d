import { useLingui } from "@lingui/react/macro";
import { Modal, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { usePlace } from "../hooks/account";
import { pathsOf } from "../paths";

interface CommandPaletteProps {
  readonly opened: boolean;
  readonly close: () => void;
}

/** Goes to a page by its name. */
export function CommandPalette({ opened, close }: CommandPaletteProps) {
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
  const paths = pathsOf(usePlace().account.organization);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const pages: readonly (readonly [string, string])[] = [
    [t`Home`, paths.home], [t`Analytics`, paths.analytics], [t`Models by day`, paths.models], [t`Top 20`, paths.top],
    [t`Calls`, paths.calls], [t`People`, paths.people], [t`Groups`, paths.groups], [t`Guardrails`, paths.guardrails], [t`Defaults for new members and keys`, paths.guardrailDefaults],
    [t`Why was a call refused?`, paths.explain], [t`Invites`, paths.invites], [t`Invite people`, paths.newInvite], [t`Import a table of people`, paths.importMembers],
    [t`Service accounts`, paths.serviceAccounts], [t`Settings`, paths.settings], [t`Profile and access tokens`, paths.profile], [t`API keys`, paths.keys], [t`Create an API key`, paths.newKey],
    [t`Alerts`, paths.alerts], [t`Credit`, paths.credit],
  ];
  const found = pages.filter(([label]) => label.toLowerCase().includes(text.trim().toLowerCase()));
  const go = (path: string | undefined): void => {
    if (path === undefined) return;
    close();
    void navigate({ to: path });
  };
  return (
    <>
      <TextInput
        data-autofocus aria-label={t`Page`} placeholder={t`Type the name of a page`} value={text} mb="xs"
        role="combobox" aria-expanded="true" aria-controls="palette-pages" aria-activedescendant={`palette-${chosen}`}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(found[chosen]?.[1]);
          else if (event.key === "ArrowDown") setChosen(Math.min(chosen + 1, found.length - 1));
          else if (event.key === "ArrowUp") setChosen(Math.max(chosen - 1, 0));
          else return;
          event.preventDefault();
        }}
      />
      <div id="palette-pages" role="listbox" aria-label={t`Pages`}>
        {found.map(([label, path], index) => (
          <UnstyledButton
            key={path} id={`palette-${index}`} role="option" aria-selected={index === chosen} tabIndex={-1} onClick={() => go(path)} onMouseMove={() => setChosen(index)}
            px="sm" py={8} w="100%" style={{ borderRadius: 8, background: index === chosen ? "var(--mantine-color-accent-light)" : undefined }}
          >
            <Text size="sm">{label}</Text>
          </UnstyledButton>
        ))}
      </div>
      {found.length === 0 && <Text size="sm" c="dimmed" p="sm">{t`No page has this name.`}</Text>}
    </>
  );
}
