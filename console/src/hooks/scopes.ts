import { ApiKeys, Members, ServiceAccounts } from "@megarouter/admin";
import { skipToken } from "@tanstack/react-query";
import { useQuery } from "@connectrpc/connect-query";

import { useGroups } from "./groups";
import { useParent } from "./account";

/** The scopes above a scope whose guardrails apply, too: the owner of a key, the groups from the nearest up, the organization. */
export function useScopesAbove(scope: string): readonly string[] {
  const organization = useParent();
  const groups = useGroups();
  const is = (collection: string): boolean => scope.includes(`/${collection}/`);
  const key = useQuery(ApiKeys.method.getApiKey, is("apiKeys") ? { name: scope } : skipToken).data;
  const owner = is("apiKeys") ? key?.member || key?.serviceAccount || "" : scope;
  const member = useQuery(Members.method.getMember, owner.includes("/members/") ? { name: owner } : skipToken).data;
  const service = useQuery(ServiceAccounts.method.getServiceAccount, owner.includes("/serviceAccounts/") ? { name: owner } : skipToken).data;
  if (scope === organization) return [];
  const group = is("groups") ? (groups.find((one) => one.name === scope)?.path.at(-2) ?? "") : (member?.group ?? service?.group ?? "");
  const path = groups.find((one) => one.name === group)?.path ?? [];
  return [...(is("apiKeys") && owner !== "" ? [owner] : []), ...path.toReversed(), organization];
}
