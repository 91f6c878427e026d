import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Groups } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";

import { idOf } from "../api/names";
import { useParent } from "../hooks/account";
import { asTree } from "../util/tree";

const mostShown = 500;

/** Narrows a page to a group and everything below it. The value is the group's id. */
export function GroupChoice({ value, onChange }: { readonly value: string | undefined; readonly onChange: (group: string | undefined) => void }) {
  const { t } = useLingui();
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent: useParent(), pageSize: mostShown });
  if (data.groups.length === 0) return null;
  return (
    <NativeSelect
      aria-label={t`Group`} value={value ?? ""} onChange={(event) => onChange(event.currentTarget.value || undefined)} maw={220}
      data={[
        { value: "", label: t`All groups` },
        ...asTree(data.groups).map(({ group, depth }) => ({ value: idOf(group.name), label: `${"\u2003".repeat(depth)}${group.displayName}` })),
      ]}
    />
  );
}
