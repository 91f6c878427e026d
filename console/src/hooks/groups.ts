import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { type Group, Groups } from "@megarouter/admin";
import { useSuspenseQuery } from "@tanstack/react-query";

import { useParent } from "./account";

const pageSize = 1000;
const mostPages = 20;

/** All groups that the person sees, for choosing among them. */
export function useGroups(): readonly Group[] {
  const parent = useParent();
  const transport = useTransport();
  const queryFn = async ({ signal }: { readonly signal: AbortSignal }): Promise<readonly Group[]> => {
    const groups: Group[] = [];
    for (let page = 0, pageToken = ""; page === 0 || (pageToken !== "" && page < mostPages); page++) {
      const answer = await callUnaryMethod(transport, Groups.method.listGroups, { parent, pageSize, pageToken }, { signal });
      groups.push(...answer.groups);
      pageToken = answer.nextPageToken;
    }
    return groups;
  };
  return useSuspenseQuery({ queryKey: ["groups", parent], queryFn }).data;
}
