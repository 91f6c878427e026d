import { useQuery } from "@connectrpc/connect-query";
import { ApiKeys, Members } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, Select, SimpleGrid } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";

import { idOf, quoted } from "../api/names";
import { useParent } from "../hooks/account";
import { useGroups } from "../hooks/groups";
import { asTree } from "../util/tree";

const mostGroups = 100;
const mostShown = 20;
const pauseMs = 250;
export type ScopeKind = "organization" | "groups" | "members" | "apiKeys";

interface ScopeChoiceProps {
  readonly label: string;
  /** The full name of the scope; empty while none is chosen. */
  readonly value: string;
  readonly onChange: (scope: string) => void;
  readonly kinds: readonly ScopeKind[];
  readonly error?: string | undefined;
}

/** Chooses the organization, or a group, a member or a key of it. */
export function ScopeChoice({ label, value, onChange, kinds, error }: ScopeChoiceProps) {
  const parent = useParent();
  const { t } = useLingui();
  const [kind, setKind] = useState<ScopeKind>(() => kindOf(value) ?? kinds[0] ?? "organization");
  const labels: Record<ScopeKind, string> = { organization: t`The whole organization`, groups: t`A group`, members: t`A member`, apiKeys: t`An API key` };
  return (
    <SimpleGrid cols={{ base: 1, xs: kind === "organization" ? 1 : 2 }}>
      <NativeSelect
        label={label} value={kind} data={kinds.map((one) => ({ value: one, label: labels[one] }))}
        onChange={(event) => {
          const chosen = event.currentTarget.value as ScopeKind;
          setKind(chosen);
          onChange(chosen === "organization" ? parent : "");
        }}
      />
      {kind === "groups" && <GroupSelect label={labels.groups} value={value} onChange={onChange} error={error} />}
      {(kind === "members" || kind === "apiKeys") && <Searched key={kind} kind={kind} label={labels[kind]} value={value} onChange={onChange} error={error} />}
    </SimpleGrid>
  );
}

function kindOf(scope: string): ScopeKind | undefined {
  const collection = scope.split("/")[2];
  if (scope !== "" && collection === undefined) return "organization";
  return collection === "groups" || collection === "members" || collection === "apiKeys" ? collection : undefined;
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (scope: string) => void;
  readonly error?: string | undefined;
}

function GroupSelect({ label, value, onChange, error }: ChoiceProps) {
  const groups = useGroups();
  return (
    <Select
      label={label} value={value === "" ? null : value} searchable limit={mostGroups} error={error} onChange={(name) => onChange(name ?? "")}
      data={asTree(groups).map(({ group, depth }) => ({ value: group.name, label: `${"\u2003".repeat(depth)}${group.displayName}` }))}
    />
  );
}

function Searched({ kind, label, value, onChange, error }: ChoiceProps & { readonly kind: "members" | "apiKeys" }) {
  const parent = useParent();
  const { t } = useLingui();
  const [text, setText] = useState("");
  const [asked] = useDebouncedValue(text.trim(), pauseMs);
  const question = { parent, pageSize: mostShown, filter: asked === "" ? "" : quoted(asked) };
  const members = useQuery(Members.method.listMembers, question, { placeholderData: keepPreviousData, enabled: kind === "members" });
  const keys = useQuery(ApiKeys.method.listApiKeys, question, { placeholderData: keepPreviousData, enabled: kind === "apiKeys" });
  const found = kind === "members" ? (members.data?.members ?? []).map((one) => [one.name, one.displayName || one.email] as const) : (keys.data?.apiKeys ?? []).map((one) => [one.name, one.displayName] as const);
  const names = new Map<string, string>(found.map(([name, shown]) => [name, shown || idOf(name)]));
  if (value !== "" && !names.has(value)) names.set(value, idOf(value));
  return (
    <Select
      label={label} value={value === "" ? null : value} searchable onSearchChange={setText} error={error} onChange={(name) => onChange(name ?? "")} nothingFoundMessage={t`No match`}
      data={[...names].map(([name, shown]) => ({ value: name, label: shown }))} filter={({ options }) => options}
    />
  );
}
