import { useQuery } from "@connectrpc/connect-query";
import { ApiKeys, Groups, Members, type UsageFilter } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, CloseButton, Group } from "@mantine/core";
import { Fragment } from "react";

import { useParent } from "../../hooks/account";
import { useCallStatus } from "../../hooks/labels";
import { useChangeSearch, useSelection } from "../../hooks/usage";
import { narrowedBy } from "../../util/selected_usage";
import { type Narrowing, type Status, statuses } from "../../util/selection";
import { useNarrowingName } from "./choices";
import { narrowedTo } from "./filters";

/** What a page is narrowed to, each with a button that takes it away. */
export function Narrowed() {
  const change = useChangeSearch();
  const chosen = narrowedBy(useSelection());
  if (chosen.length === 0) return null;
  return (
    <Group gap="xs" mb="md">
      {chosen.map(([name, value]) => <OneNarrowed key={name} narrowing={name} value={value} remove={() => change({ [name]: undefined })} />)}
      {chosen.length > 1 && (
        <Button variant="subtle" size="compact-xs" onClick={() => change(Object.fromEntries(chosen.map(([name]) => [name, undefined])))}><Trans>Remove all</Trans></Button>
      )}
    </Group>
  );
}

/** A value that is narrowed to, with a button that takes it away. */
export function OneNarrowed({ narrowing, value, remove }: { readonly narrowing: Narrowing; readonly value: string; readonly remove: () => void }) {
  const { t } = useLingui();
  const label = useNarrowingName()(narrowing);
  const shown = useShown(narrowing, value);
  return (
    <Badge variant="light" radius="sm" size="lg" tt="none" fw={500} maw="100%" rightSection={<CloseButton size="xs" aria-label={t`Remove ${shown}`} onClick={remove} />}>
      {label}: {shown}
    </Badge>
  );
}

/** What a filter narrows to, in words; nothing if it has all calls. */
export function NarrowedTo({ filter }: { readonly filter: UsageFilter | undefined }) {
  const narrowed = filter === undefined ? [] : narrowedTo(filter);
  return <>{narrowed.map(([narrowing, value], index) => <Fragment key={`${narrowing} ${value}`}>{index > 0 && " · "}<InWords narrowing={narrowing} value={value} /></Fragment>)}</>;
}

function InWords({ narrowing, value }: { readonly narrowing: Narrowing; readonly value: string }) {
  return <>{useNarrowingName()(narrowing)}: {useShown(narrowing, value)}</>;
}

/** The name that people gave to it. Those who may not see it see the id. */
function useShown(narrowing: Narrowing, value: string): string {
  const parent = useParent();
  const statusName = useCallStatus();
  const group = useQuery(Groups.method.getGroup, { name: `${parent}/groups/${value}` }, { enabled: narrowing === "group" });
  const member = useQuery(Members.method.getMember, { name: `${parent}/members/${value}` }, { enabled: narrowing === "member" });
  const key = useQuery(ApiKeys.method.getApiKey, { name: `${parent}/apiKeys/${value}` }, { enabled: narrowing === "key" });
  if (narrowing === "status") return statusName(statuses[value as Status]);
  return group.data?.displayName || member.data?.displayName || member.data?.email || key.data?.displayName || value;
}
