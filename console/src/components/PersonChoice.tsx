import { useLingui } from "@lingui/react/macro";
import { MultiSelect } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../api/names";
import { memberLabel, useMemberSearch } from "../hooks/member_search";

interface PersonChoiceProps {
  readonly label: string;
  readonly description?: string;
  readonly value: readonly string[];
  readonly onChange: (members: readonly string[]) => void;
  readonly error?: string | undefined;
}

/** Chooses members by a search at the service. The values are their full names. */
export function PersonChoice({ label, description, value, onChange, error }: PersonChoiceProps) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const [known, setKnown] = useState<ReadonlyMap<string, string>>(new Map());
  const found = new Map(useMemberSearch(text).map((member) => [member.name, memberLabel(member)]));
  const names = new Map([...value.map((name) => [name, found.get(name) ?? known.get(name) ?? idOf(name)] as const), ...found]);
  return (
    <MultiSelect
      label={label} description={description} searchable searchValue={text} onSearchChange={setText} value={[...value]} error={error} nothingFoundMessage={t`No member matches`}
      data={[...names].map(([name, shown]) => ({ value: name, label: shown }))} filter={({ options }) => options} hidePickedOptions
      onChange={(chosen) => {
        setKnown(names);
        onChange(chosen);
      }}
    />
  );
}
