import { useQuery } from "@connectrpc/connect-query";
import { Members } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { MultiSelect } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";

import { idOf, quoted } from "../api/names";
import { useParent } from "../hooks/account";

const mostShown = 20;
const pauseMs = 250;

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
  const [asked] = useDebouncedValue(text.trim(), pauseMs);
  const [known, setKnown] = useState<ReadonlyMap<string, string>>(new Map());
  const { data } = useQuery(
    Members.method.listMembers, { parent: useParent(), pageSize: mostShown, filter: asked === "" ? "" : quoted(asked) }, { placeholderData: keepPreviousData },
  );
  const found = new Map((data?.members ?? []).map((member) => [member.name, member.displayName || member.email || idOf(member.name)]));
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
