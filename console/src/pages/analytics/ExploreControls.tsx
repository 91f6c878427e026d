import { useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, TextInput } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { isAdmin, usePlace } from "../../hooks/account";
import { useChangeSearch } from "../../hooks/usage";
import { isTag, tagOf, tagPrefix } from "./exploring";

/** How usage is divided and measured. */
export function ExploreControls() {
  const { t } = useLingui();
  const { by = "model", then, metric = "charge", every, tree } = useSearch({ from: "/organizations/$organization/analytics/explore" });
  const change = useChangeSearch();
  const admin = isAdmin(usePlace().account);
  return (
    <Group gap="sm" align="flex-end">
      <DivisionChoice label={t`Divide by`} value={by} onChange={(chosen) => change({ by: chosen })} />
      <DivisionChoice label={t`and by`} value={then} none onChange={(chosen) => change({ then: chosen })} />
      <NativeSelect
        label={t`Measure`} value={metric} onChange={(event) => change({ metric: event.currentTarget.value })}
        data={[
          { value: "charge", label: t`Spend` }, { value: "tokens", label: t`Tokens` }, { value: "input", label: t`Input tokens` },
          { value: "output", label: t`Output tokens` }, { value: "calls", label: t`Calls` },
        ]}
      />
      <NativeSelect
        label={t`Bars`} value={every ?? ""} onChange={(event) => change({ every: event.currentTarget.value || undefined })}
        data={[{ value: "", label: t`Automatic` }, { value: "hour", label: t`Hours` }, { value: "day", label: t`Days` }, { value: "week", label: t`Weeks` }, { value: "month", label: t`Months` }]}
      />
      {admin && (
        <NativeSelect
          label={t`Groups`} value={tree ?? ""} onChange={(event) => change({ tree: event.currentTarget.value || undefined })}
          data={[{ value: "", label: t`As they were` }, { value: "now", label: t`As they are now` }]}
        />
      )}
    </Group>
  );
}

interface DivisionChoiceProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly none?: boolean;
  readonly onChange: (division: string | undefined) => void;
}

const anyTag = "tag";

function DivisionChoice({ label, value, none = false, onChange }: DivisionChoiceProps) {
  const { t } = useLingui();
  const admin = isAdmin(usePlace().account);
  const [typing, setTyping] = useState(false);
  const ofTag = value !== undefined && isTag(value);
  const choose = (chosen: string): void => {
    setTyping(chosen === anyTag);
    if (chosen !== anyTag) onChange(chosen || undefined);
  };
  const groups = [{ value: "group", label: t`Group` }, { value: "group-1", label: t`Group on level 1` }, { value: "group-2", label: t`Group on level 2` }, { value: "group-3", label: t`Group on level 3` }, { value: "group-4", label: t`Group on level 4` }];
  return (
    <Group gap={6} align="flex-end" wrap="nowrap">
      <NativeSelect
        label={label} value={typing || ofTag ? anyTag : (value ?? "")} onChange={(event) => choose(event.currentTarget.value)}
        data={[
          ...(none ? [{ value: "", label: t`Nothing` }] : []), { value: "model", label: t`Model` },
          ...(admin ? [{ value: "member", label: t`Member` }, ...groups] : []),
          { value: "key", label: t`Key` }, { value: "provider", label: t`Provider` }, { value: "endpoint", label: t`Endpoint` }, { value: "status", label: t`Status` }, { value: anyTag, label: t`Tag…` },
        ]}
      />
      {(typing || ofTag) && <TagName name={ofTag ? tagOf(value) : ""} label={t`${label}: name of the tag`} onChange={(name) => onChange(tagPrefix + name)} />}
    </Group>
  );
}

function TagName({ name, label, onChange }: { readonly name: string; readonly label: string; readonly onChange: (name: string) => void }) {
  const [text, setText] = useState(name);
  const commit = (): void => {
    if (text.trim() !== "" && text.trim() !== name) onChange(text.trim());
  };
  return (
    <TextInput
      aria-label={label} placeholder="project" value={text} w={130} autoFocus={name === ""} onChange={(event) => setText(event.currentTarget.value)} onBlur={commit}
      onKeyDown={(event) => { if (event.key === "Enter") commit(); }}
    />
  );
}
