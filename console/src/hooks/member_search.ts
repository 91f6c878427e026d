import { useQuery } from "@connectrpc/connect-query";
import { type Member, Members } from "@megarouter/admin";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData } from "@tanstack/react-query";

import { allOf, idOf, quoted } from "../api/names";
import { useParent } from "./account";

const mostShown = 20;
const pauseMs = 250;

/** The first members whose name or address contains a text, after a pause in typing. The service searches, so it does not matter how many there are. */
export function useMemberSearch(text: string, filter = ""): readonly Member[] {
  const [asked] = useDebouncedValue(text.trim(), pauseMs);
  const question = { parent: useParent(), pageSize: mostShown, filter: allOf(filter, asked === "" ? "" : quoted(asked)) };
  return useQuery(Members.method.listMembers, question, { placeholderData: keepPreviousData }).data?.members ?? [];
}

/** What a choice of members shows of one. */
export function memberLabel({ name, displayName, email }: Member): string {
  return displayName === "" || email === "" ? displayName || email || idOf(name) : `${displayName} (${email})`;
}
