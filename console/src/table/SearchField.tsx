import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";

import { Icon } from "../ui/Icon";

const pauseMs = 300;

/** A text that narrows a list. The address of the page has it, so a list can be shared as it is shown. */
export function SearchField({ value, label, onChange }: { readonly value: string; readonly label: string; readonly onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const change = useDebouncedCallback(onChange, pauseMs);
  return (
    <TextInput
      type="search" aria-label={label} placeholder={label} leftSection={<Icon name="search" size={16} />} w={{ base: "100%", xs: 300 }}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        change(event.currentTarget.value);
      }}
    />
  );
}
