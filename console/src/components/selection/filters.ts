import type { UsageFilter } from "@megarouter/admin";

import type { NarrowedValue } from "../../util/selected_usage";
import { type Narrowing, statuses } from "../../util/selection";

/** What a filter narrows to, as the addresses of pages name it. It may have several values of a narrowing. */
export function narrowedTo(filter: UsageFilter): readonly NarrowedValue[] {
  const ids = (narrowing: Narrowing, names: readonly string[]): NarrowedValue[] => names.map((name) => [narrowing, name.split("/").at(-1) ?? ""]);
  const accounts = filter.members.filter((name) => name.includes("/serviceAccounts/"));
  return [
    ...ids("group", filter.groups), ...ids("member", filter.members.filter((name) => !accounts.includes(name))), ...ids("serviceAccount", accounts), ...ids("key", filter.apiKeys),
    ...filter.models.map((name) => ["model", name.replace(/^models\//, "")] as const), ...ids("provider", filter.providers), ...filter.endpoints.map((one) => ["endpoint", one] as const),
    ...Object.entries(statuses).filter(([, status]) => filter.statuses.includes(status)).map(([name]) => ["status", name] as const), ...filter.tags.map((one) => ["tag", one] as const),
  ];
}
