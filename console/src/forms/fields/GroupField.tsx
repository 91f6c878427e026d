import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Group, Groups } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";

import { useParent } from "../../hooks/account";
import { asTree } from "../../util/tree";

const mostShown = 1000;

interface GroupFieldProps {
  /** The name of a group, or nothing. */
  readonly value: string;
  readonly onChange: (group: string) => void;
  readonly label?: string;
  /** What no group means here; without it, a group must be chosen. */
  readonly none?: string | undefined;
  readonly canChoose?: (group: Group) => boolean;
  readonly error?: string | undefined;
  readonly disabled?: boolean;
}

/** The groups that the person sees. */
export function useGroups(): readonly Group[] {
  return useSuspenseQuery(Groups.method.listGroups, { parent: useParent(), pageSize: mostShown }).data.groups;
}

/** Chooses a group. Groups that cannot be chosen are shown, so that the tree stays whole. */
export function GroupField({ value, onChange, label, none, canChoose = () => true, error, disabled }: GroupFieldProps) {
  const { t } = useLingui();
  const groups = useGroups();
  const empty = none ?? t`Choose a group`;
  return (
    <NativeSelect
      label={label ?? t`Group`} value={value} onChange={(event) => onChange(event.currentTarget.value)} error={error} disabled={disabled ?? false}
      data={[
        { value: "", label: empty, disabled: none === undefined },
        ...asTree(groups).map(({ group, depth }) => ({ value: group.name, label: `${"\u2003".repeat(depth)}${group.displayName}`, disabled: !canChoose(group) })),
      ]}
    />
  );
}
