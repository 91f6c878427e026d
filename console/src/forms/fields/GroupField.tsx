import type { Group } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, Select } from "@mantine/core";

import { useGroups } from "../../hooks/groups";
import { asTree } from "../../util/tree";

/** More are searched for by their names. */
const mostListed = 100;

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

/** Chooses a group. Groups that cannot be chosen are shown, so that the tree stays whole. */
export function GroupField({ value, onChange, label, none, canChoose = () => true, error, disabled = false }: GroupFieldProps) {
  const { t } = useLingui();
  const groups = useGroups();
  const shown = { label: label ?? t`Group`, error, disabled };
  const options = [
    { value: "", label: none ?? t`Choose a group`, disabled: none === undefined },
    ...asTree(groups).map(({ group, depth }) => ({ value: group.name, label: `${"\u2003".repeat(depth)}${group.displayName}`, disabled: !canChoose(group) })),
  ];
  if (groups.length <= mostListed) return <NativeSelect {...shown} value={value} onChange={(event) => onChange(event.currentTarget.value)} data={options} />;
  return <Select {...shown} value={value} onChange={(name) => onChange(name ?? "")} data={options} searchable limit={mostListed} allowDeselect={false} nothingFoundMessage={t`No group has this name.`} />;
}
