import { useQuery } from "@connectrpc/connect-query";
import { ApiKeys, Groups, Members } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { useDebouncedValue } from "@mantine/hooks";

import { idOf, quoted } from "../../api/names";
import { useParent } from "../../hooks/account";
import { pathOf, pathsOf } from "../../paths";
import { useKnownPages } from "./pages";

const mostOfEach = 5;
const fewestCharacters = 2;
const pauseMs = 200;
const callId = /^[A-Za-z0-9][A-Za-z0-9_-]{11,127}$/;

export interface Choice {
  readonly id: string;
  readonly label: string;
  /** What it is, for what is no page. */
  readonly kind?: string;
  readonly path: string;
  readonly key?: string;
}

/** What a text finds: pages by their names, people, groups and keys at the service, and a call by its id. */
export function useFound(text: string): readonly Choice[] {
  const parent = useParent();
  const { t } = useLingui();
  const typed = text.trim();
  const [asked] = useDebouncedValue(typed, pauseMs);
  const isAsking = asked.length >= fewestCharacters && asked === typed;
  const question = { parent, pageSize: mostOfEach, filter: quoted(asked) };
  const members = useQuery(Members.method.listMembers, question, { enabled: isAsking });
  const groups = useQuery(Groups.method.listGroups, question, { enabled: isAsking });
  const keys = useQuery(ApiKeys.method.listApiKeys, question, { enabled: isAsking });
  const pages = useKnownPages().filter(({ label }) => label.toLowerCase().includes(typed.toLowerCase()));
  const things = (kind: string, found: readonly { readonly name: string; readonly displayName: string; readonly email?: string }[] | undefined): readonly Choice[] =>
    (isAsking ? (found ?? []) : []).map((one) => ({ id: one.name, label: one.displayName || one.email || idOf(one.name), kind, path: pathOf(one.name) }));
  return [
    ...pages.map((page) => ({ ...page, id: `${page.path} ${page.label}` })), ...things(t`Member`, members.data?.members), ...things(t`Group`, groups.data?.groups), ...things(t`API key`, keys.data?.apiKeys),
    ...(callId.test(typed) && /\d/.test(typed) ? [{ id: `call ${typed}`, label: typed, kind: t`Call with this id`, path: `${pathsOf(parent).calls}/${typed}` }] : []),
  ];
}
