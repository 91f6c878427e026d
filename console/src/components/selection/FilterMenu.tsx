import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Combobox, Loader, Popover, ScrollArea, Stack, Text, TextInput, useCombobox } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState } from "react";

import { messageOf } from "../../api/errors";
import { Icon } from "../../ui/Icon";
import type { Narrowing } from "../../util/selection";
import { useChoices, useNarrowingName, useNarrowings } from "./choices";

const pauseMs = 250;
/** Has Escape close only the menu, where it is in a dialog, which Mantine decides by what has the focus. */
const escapeEndsHere = { "data-mantine-stop-propagation": true };

/** Chooses a group, a member, a key, a model and so on to narrow to. */
export function FilterMenu({ narrow }: { readonly narrow: (narrowing: Narrowing, value: string) => void }) {
  const [opened, setOpened] = useState(false);
  const [narrowing, setNarrowing] = useState<Narrowing | undefined>(undefined);
  const toggle = (open: boolean): void => {
    setOpened(open);
    setNarrowing(undefined);
  };
  const choose = (value: string): void => {
    if (narrowing !== undefined) narrow(narrowing, value);
    toggle(false);
  };
  return (
    <Popover opened={opened} onChange={toggle} position="bottom-end" width={280} trapFocus returnFocus shadow="md">
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => toggle(!opened)} aria-haspopup="dialog"><Trans>Filter</Trans></Button>
      </Popover.Target>
      <Popover.Dropdown p={8} {...escapeEndsHere}>
        {narrowing === undefined ? <Names choose={setNarrowing} /> : narrowing === "tag" ? <Tag choose={choose} /> : <Values key={narrowing} narrowing={narrowing} choose={choose} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function Names({ choose }: { readonly choose: (narrowing: Narrowing) => void }) {
  const name = useNarrowingName();
  return (
    <Stack gap={2}>
      {useNarrowings().map((one) => (
        <Button key={one} {...escapeEndsHere} variant="subtle" color="gray" size="xs" justify="space-between" fw={450} rightSection={<Icon name="right" size={12} />} onClick={() => choose(one)} c="var(--mantine-color-text)">
          {name(one)}
        </Button>
      ))}
    </Stack>
  );
}

function Values({ narrowing, choose }: { readonly narrowing: Narrowing; readonly choose: (value: string) => void }) {
  const name = useNarrowingName();
  const { t } = useLingui();
  const combobox = useCombobox({ opened: true });
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text, pauseMs);
  const { choices, isPending, error } = useChoices(narrowing, text, wanted);
  const first = choices[0]?.id;
  useEffect(() => {
    // What Enter chooses. An empty text chooses nothing by itself.
    if (text !== "" && first !== undefined) combobox.selectFirstOption();
  }, [text, first]);
  const label = name(narrowing);
  return (
    <Combobox store={combobox} onOptionSubmit={choose}>
      <Combobox.EventsTarget>
        <TextInput
          data-autofocus size="xs" aria-label={t`Search: ${label}`} placeholder={label} value={text} rightSection={isPending ? <Loader size={14} /> : undefined}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </Combobox.EventsTarget>
      <ScrollArea.Autosize mah={280} mt={6} type="auto">
        <Combobox.Options aria-label={label}>
          {choices.map((choice) => (
            <Combobox.Option key={choice.id} value={choice.id}>
              <Text size="sm" truncate>{choice.label}</Text>
              {choice.hint !== undefined && choice.hint !== choice.label && <Text size="xs" c="dimmed" truncate>{choice.hint}</Text>}
            </Combobox.Option>
          ))}
          {!isPending && choices.length === 0 && <Combobox.Empty>{error ? messageOf(error) : <Trans>Nothing found</Trans>}</Combobox.Empty>}
        </Combobox.Options>
      </ScrollArea.Autosize>
    </Combobox>
  );
}

/** Tags have any value, so they are typed. */
function Tag({ choose }: { readonly choose: (value: string) => void }) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const isTag = /^[^=\s]+=.+$/.test(text.trim());
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (isTag) choose(text.trim()); }}>
      <TextInput data-autofocus {...escapeEndsHere} size="xs" label={t`Tag`} placeholder="project=search" description={<Trans>A name and a value, as calls send them in x-tags</Trans>} value={text} onChange={(event) => setText(event.currentTarget.value)} />
      <Button {...escapeEndsHere} type="submit" size="xs" mt={8} fullWidth disabled={!isTag}><Trans>Filter</Trans></Button>
    </form>
  );
}
