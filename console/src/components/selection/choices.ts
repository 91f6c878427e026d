import { useQuery } from "@connectrpc/connect-query";
import { Analytics, ApiKeys, Groups, Members, ServiceAccounts, UsageDimension } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { idOf, quoted } from "../../api/names";
import { isAdmin, usePlace } from "../../hooks/account";
import { useNow } from "../../hooks/now";
import { type Narrowing, narrowings } from "../../util/selection";
import { startOf } from "../../util/times";
import { asTree } from "../../util/tree";

const mostShown = 50;
const mostGroups = 500;

/** A value that a selection may be narrowed to. */
export interface Choice {
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
}

export interface Choices {
  readonly choices: readonly Choice[];
  readonly isPending: boolean;
  readonly error: unknown;
}

/** What each narrowing is called. */
export function useNarrowingName(): (narrowing: Narrowing) => string {
  const { t } = useLingui();
  return (narrowing) =>
    ({
      group: t`Group`, member: t`Member`, serviceAccount: t`Service account`, key: t`Key`, model: t`Model`, provider: t`Provider`,
      endpoint: t`Endpoint`, status: t`Status`, tag: t`Tag`,
    })[narrowing];
}

/** The narrowings that say something to the person: a member sees only their own calls. */
export function useNarrowings(): readonly Narrowing[] {
  const admin = isAdmin(usePlace().account);
  return narrowings.filter((one) => admin || !["group", "member", "serviceAccount"].includes(one));
}

/**
 * Finds the values of a narrowing whose names contain a text. The service searches where there may be many.
 *
 * @param searched the text as the service is asked for it: after a pause in typing
 */
export function useChoices(narrowing: Narrowing, text: string, searched: string): Choices {
  const { account } = usePlace();
  const parent = account.organization;
  const filter = searched === "" ? "" : quoted(searched);
  const groups = useQuery(Groups.method.listGroups, { parent, pageSize: mostGroups, filter }, { enabled: narrowing === "group" });
  const members = useQuery(Members.method.listMembers, { parent, pageSize: mostShown, filter }, { enabled: narrowing === "member" });
  const accounts = useQuery(ServiceAccounts.method.listServiceAccounts, { parent, pageSize: mostShown, filter }, { enabled: narrowing === "serviceAccount" });
  const keys = useQuery(ApiKeys.method.listApiKeys, { parent, pageSize: mostShown, filter }, { enabled: narrowing === "key" });
  const used = useUsed(narrowing);
  const statuses = useStatuses();
  // While a person types, the values are those of an earlier text, and choosing one by Enter would choose a wrong one.
  const searchedFor: typeof found = (query, choicesOf) => (text === searched ? found(query, choicesOf) : { choices: [], isPending: true, error: null });
  switch (narrowing) {
    case "group":
      return searchedFor(groups, (data) => asTree(data.groups).map(({ group, depth }) => ({ id: idOf(group.name), label: "\u2003".repeat(depth) + group.displayName })));
    case "member":
      return searchedFor(members, (data) => data.members.map((one) => ({ id: idOf(one.name), label: one.displayName || one.email || idOf(one.name), hint: one.email })));
    case "serviceAccount":
      return searchedFor(accounts, (data) => data.serviceAccounts.map((one) => ({ id: idOf(one.name), label: one.displayName || idOf(one.name) })));
    case "key":
      return searchedFor(keys, (data) => data.apiKeys.map((one) => ({ id: idOf(one.name), label: one.displayName || idOf(one.name), hint: one.obfuscatedKey })));
    case "status":
      return { choices: matching(statuses, text), isPending: false, error: null };
    default:
      return found(used, (ids) => matching(ids.map((id) => ({ id, label: id })), text));
  }
}

function useStatuses(): readonly Choice[] {
  const { t } = useLingui();
  return [{ id: "settled", label: t`Charged` }, { id: "failed", label: t`Failed` }, { id: "unconfirmed", label: t`Unconfirmed` }];
}

const dimensions: Partial<Record<Narrowing, UsageDimension>> = {
  model: UsageDimension.MODEL, provider: UsageDimension.PROVIDER, endpoint: UsageDimension.ENDPOINT,
};

/** The models, providers or endpoints that were used in the last 90 days, the most used first. */
function useUsed(narrowing: Narrowing) {
  const { account, organization } = usePlace();
  const dimension = dimensions[narrowing];
  return useQuery(
    Analytics.method.queryUsage,
    { name: account.organization, groupBy: dimension === undefined ? [] : [dimension], timeRange: { startTime: startOf("90d", useNow(), organization.timeZone) }, limit: 200 },
    { enabled: dimension !== undefined, select: (data) => data.groups.filter((group) => !group.isOther).map((group) => (group.values[0]?.value ?? "").replace(/^(models|providers)\//, "")) },
  );
}

function found<Data>(query: { readonly data: Data | undefined; readonly isPending: boolean; readonly error: unknown }, choicesOf: (data: Data) => readonly Choice[]): Choices {
  return { choices: query.data === undefined ? [] : choicesOf(query.data), isPending: query.isPending, error: query.error };
}

function matching(choices: readonly Choice[], text: string): readonly Choice[] {
  const wanted = text.toLocaleLowerCase();
  return choices.filter(({ id, label }) => `${label} ${id}`.toLocaleLowerCase().includes(wanted)).slice(0, mostGroups);
}
